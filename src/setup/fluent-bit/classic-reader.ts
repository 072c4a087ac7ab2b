import {
  type Entry,
  type Include,
  OTHER_SECTIONS,
  type ParsedFile,
  SECTION_KINDS,
  type Section,
  type SyntaxFault,
  type Where,
} from "./config-file.ts";

/** Lines above this length are no setting anybody wrote. */
const MAX_LINE = 64 * 1024;

type Item = ParsedFile["items"][number];
type OpenSection = Section & { readonly entries: Entry[] };

/** Reads the classic format as Fluent Bit does: indentation is that of the file's first setting, `#` begins a line or nothing. */
export function parseClassic(text: string, file: string): ParsedFile {
  const reader = new ClassicReader(file);
  const lines = text.replace(/^\ufeff/, "").split("\n");
  for (const [at, line] of lines.entries()) reader.line(line.endsWith("\r") ? line.slice(0, -1) : line, at + 1);
  return reader;
}

class ClassicReader implements ParsedFile {
  readonly items: Item[] = [];
  readonly variables = new Map<string, string>();
  readonly faults: SyntaxFault[] = [];
  readonly #file: string;
  #indent: string | undefined;
  #section: OpenSection | undefined;
  #skipping = false;
  constructor(file: string) {
    this.#file = file;
  }

  line(text: string, number: number): void {
    const where: Where = { file: this.#file, line: number };
    if (text === "" || text.startsWith("#")) return;
    if (text.length > MAX_LINE) this.#fault(where, "syntax", "a line of over 64 KB", "shorten it");
    else if (text.startsWith("@")) this.#command(text, where);
    else if (text.startsWith("[")) this.#header(text, where);
    else if (text.trim() !== "") this.#setting(text, where);
  }

  #command(text: string, where: Where): void {
    const include = /^@include[ \t]+(\S.*)$/i.exec(text)?.[1];
    if (include !== undefined) {
      const item: Include = { ...where, path: include.trim() };
      this.items.push({ what: "include", include: item });
      return;
    }
    const [, name, value] = /^@set[ \t]+([^\s=]{1,200})[ \t]*=(.*)$/i.exec(text) ?? [];
    if (name !== undefined) this.variables.set(name, (value ?? "").trim());
    else
      this.#fault(
        where,
        "syntax",
        "a line with @ that is neither @INCLUDE PATH nor @SET NAME=VALUE",
        "write one of the two, with one space",
      );
  }

  #header(text: string, where: Where): void {
    this.#section = undefined;
    this.#skipping = true;
    const end = text.indexOf("]");
    if (end < 0) {
      this.#fault(where, "syntax", "a section whose ] is missing", "close it, as in [OUTPUT]");
      return;
    }
    const name = text.slice(1, end).trim().toLowerCase();
    const kind = SECTION_KINDS.get(name) ?? (OTHER_SECTIONS.has(name) ? "other" : undefined);
    if (kind === undefined) {
      this.#fault(
        where,
        "unknown-section",
        "a section that Fluent Bit does not know",
        "one of [SERVICE], [INPUT], [FILTER], [OUTPUT], [PARSER], [MULTILINE_PARSER], [CUSTOM]",
      );
      return;
    }
    this.#skipping = false;
    this.#section = { ...where, kind, entries: [] };
    this.items.push({ what: "section", section: this.#section });
  }

  #setting(text: string, where: Where): void {
    const indent = /^[ \t]*/.exec(text)?.[0] ?? "";
    const rest = text.slice(indent.length);
    // Comments count from the place where a setting would begin.
    if (rest.startsWith("#")) return;
    if (indent === "") {
      this.#fault(where, "indentation", "a setting without indentation", "begin it with the four spaces of the others");
      return;
    }
    this.#indent ??= indent;
    if (indent !== this.#indent && !(rest.startsWith("[") || indent === this.#indent.repeat(2))) {
      const mixed = indent.includes("\t") !== this.#indent.includes("\t") || /\t/.test(indent) !== /^\t*$/.test(indent);
      const found = mixed ? "tabs and spaces mixed in the indentation" : "an indentation other than above";
      this.#fault(where, "indentation", found, "indent every setting of the file alike, with four spaces");
      return;
    }
    if (rest.startsWith("[")) return;
    if (this.#section === undefined) {
      if (!this.#skipping)
        this.#fault(where, "syntax", "a setting before any section", "put it under [SERVICE], [INPUT] or another");
      return;
    }
    const space = rest.indexOf(" ");
    const value = space < 0 ? "" : rest.slice(space + 1).trim();
    if (value === "") {
      this.#fault(where, "syntax", "a key without a value", "write key, one space and the value");
      return;
    }
    this.#section.entries.push({ ...where, key: rest.slice(0, space).trim().toLowerCase(), value });
  }

  #fault(where: Where, id: string, found: string, advice: string): void {
    this.faults.push({ ...where, id, found, advice });
  }
}
