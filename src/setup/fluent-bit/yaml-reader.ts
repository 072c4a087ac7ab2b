import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from "yaml";
import type { Entry, ParsedFile, Section, SectionKind, SyntaxFault, Where } from "./config-file.ts";

type Item = ParsedFile["items"][number];

const LISTS: ReadonlyMap<string, SectionKind> = new Map([
  ["inputs", "input"],
  ["filters", "filter"],
  ["outputs", "output"],
]);
const KNOWN = new Set([
  "service",
  "pipeline",
  "parsers",
  "multiline_parsers",
  "includes",
  "env",
  "customs",
  "plugins",
  "upstream_servers",
  "stream_processor",
]);
const MAX_DEPTH_FAULTS = 20;

/** Reads the YAML format. Every scalar is the text that stands there, as it is for Fluent Bit. Aliases mean nothing in it. */
export function parseYaml(text: string, file: string): ParsedFile {
  const reader = new YamlReader(file);
  try {
    const counter = new LineCounter();
    const document = parseDocument(text, {
      lineCounter: counter,
      schema: "failsafe",
      uniqueKeys: false,
      logLevel: "silent",
      stringKeys: true,
    });
    for (const error of document.errors.slice(0, MAX_DEPTH_FAULTS))
      reader.fault(
        error.linePos?.[0].line ?? 1,
        "syntax",
        `not YAML (${error.code})`,
        "correct it; indent with spaces and write a space after every colon",
      );
    reader.whole(document.contents, counter);
  } catch (thrown) {
    // Nested deeper than the stack: nobody's configuration.
    if (!(thrown instanceof RangeError)) throw thrown;
    reader.fault(1, "syntax", "YAML nested too deeply", "write it anew");
  }
  return reader;
}

class YamlReader implements ParsedFile {
  readonly items: Item[] = [];
  readonly variables = new Map<string, string>();
  readonly faults: SyntaxFault[] = [];
  readonly #file: string;
  #counter = new LineCounter();
  constructor(file: string) {
    this.#file = file;
  }

  whole(contents: unknown, counter: LineCounter): void {
    this.#counter = counter;
    if (contents === null) return;
    if (!isMap(contents)) {
      this.fault(1, "syntax", "something else than sections", "begin with service:, pipeline: or includes:");
      return;
    }
    for (const pair of contents.items) {
      const name = keyOf(pair);
      const line = this.#line(pair.key);
      if (!KNOWN.has(name))
        this.fault(
          line,
          "unknown-section",
          "a section that Fluent Bit does not know",
          `one of ${[...KNOWN].slice(0, 6).join(", ")}`,
        );
      else if (name === "service") this.#one("service", pair, line);
      else if (name === "pipeline") this.#pipeline(pair);
      else if (name === "parsers") this.#list("parser", pair.value, line);
      else if (name === "includes") this.#includes(pair.value);
      else if (name === "env") this.#env(pair.value);
    }
  }

  fault(line: number, id: string, found: string, advice: string): void {
    this.faults.push({ file: this.#file, line, id, found, advice });
  }

  #pipeline({ value }: Pair): void {
    if (!isMap(value)) return;
    for (const pair of value.items) {
      const name = keyOf(pair);
      const kind = LISTS.get(name);
      const line = this.#line(pair.key);
      if (kind !== undefined) this.#list(kind, pair.value, line);
      // Parsers may stand here as well in later versions.
      else if (name !== "parsers" && name !== "multiline_parsers")
        this.fault(
          line,
          "unknown-section",
          "a part of pipeline that Fluent Bit does not know",
          "inputs, filters or outputs",
        );
    }
  }

  #list(kind: SectionKind, value: unknown, line: number): void {
    if (!isSeq(value)) {
      if (value !== null) this.fault(line, "syntax", "no list", "write `- name: …` for each, in the block style");
      return;
    }
    for (const item of value.items) {
      const at = this.#line(item);
      if (!isMap(item)) this.fault(at, "syntax", "an item without settings", "write `- name: …`");
      else {
        if (item.flow === true)
          this.fault(
            at,
            "yaml-flow",
            "settings in braces, { … }",
            "write them one a line: Fluent Bit reads braces only in part",
          );
        this.#section(kind, item, at);
      }
    }
  }

  #one(kind: SectionKind, { value }: Pair, line: number): void {
    if (isMap(value)) this.#section(kind, value, line);
  }

  #section(kind: SectionKind, map: YAMLMap, line: number): void {
    const entries: Entry[] = [];
    for (const pair of map.items) {
      const key = keyOf(pair).toLowerCase();
      const where = this.#where(pair.key);
      if (isScalar(pair.value)) entries.push({ ...where, key, value: String(pair.value.value ?? "").trim() });
      else if (isSeq(pair.value))
        for (const item of pair.value.items)
          if (isScalar(item)) entries.push({ ...this.#where(item), key, value: String(item.value ?? "").trim() });
    }
    for (const { key, value, line: at } of entries)
      if (value === "") this.fault(at, "syntax", "a key without a value", `give ${key.slice(0, 40)} a value`);
    const section: Section = {
      file: this.#file,
      line,
      kind,
      entries: entries.filter(({ value }) => value !== ""),
    };
    this.items.push({ what: "section", section });
  }

  #includes(value: unknown): void {
    if (!isSeq(value)) return;
    for (const item of value.items)
      if (isScalar(item))
        this.items.push({ what: "include", include: { ...this.#where(item), path: String(item.value ?? "") } });
  }

  #env(value: unknown): void {
    if (!isMap(value)) return;
    for (const pair of value.items)
      if (isScalar(pair.value)) this.variables.set(keyOf(pair), String(pair.value.value ?? ""));
  }

  #where(node: unknown): Where {
    return { file: this.#file, line: this.#line(node) };
  }

  #line(node: unknown): number {
    const offset = (node as Node | null)?.range?.[0];
    return offset === undefined ? 1 : Math.max(1, this.#counter.linePos(offset).line);
  }
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value ?? "") : "";
}
