import { TiplineError } from "../../lib/errors.ts";

/**
 * An element of Wazuh's configuration or rules. All places are offsets into the text that was parsed, so that a file can be
 * changed by splices and every other byte of it stays.
 */
export interface XmlNode {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Its own text as it stands, without comments and child elements; nothing is unescaped or trimmed, as in Wazuh. */
  readonly text: string;
  readonly children: readonly XmlNode[];
  /** Offset of its `<`. */
  readonly start: number;
  /** Offset after its last `>`. */
  readonly end: number;
  /** What is between the tags; empty, and both at `end`, for `<a/>`. */
  readonly innerStart: number;
  readonly innerEnd: number;
  /** Line of its `<`, from 1. */
  readonly line: number;
}

/** Largest text that is parsed, in characters; the largest stock file has about 400,000. */
export const MAX_XML_CHARS = 16 * 1024 * 1024;
/** Wazuh itself allows 1,024; its own files need 8. */
const MAX_DEPTH = 64;
/** Wazuh refuses a longer text, name or attribute value [os_xml.h: XML_MAXSIZE]. */
const MAX_PIECE = 20_480;

/**
 * Parses Wazuh's dialect of XML as its own reader does: several roots, anything between them ignored, comments from `<!` to the
 * first `-->` or `!>`, a bare `&`, `\<` for the character, no entities, no CDATA, closing tags without white space. Throws
 * TIP_INPUT_INVALID with `file` and the line.
 */
export function parseXml(text: string, file = "XML"): readonly XmlNode[] {
  if (text.length > MAX_XML_CHARS)
    throw new TiplineError("TIP_INPUT_INVALID", `${file}: larger than ${MAX_XML_CHARS} characters`);
  return new Scanner(text, file).roots();
}

interface Open {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly start: number;
  readonly innerStart: number;
  readonly line: number;
  readonly children: XmlNode[];
  text: string;
}

const LT = 0x3c;
const GT = 0x3e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const BANG = 0x21;
const NEWLINE = 0x0a;

class Scanner {
  readonly #text: string;
  readonly #file: string;
  readonly #open: Open[] = [];
  readonly #roots: XmlNode[] = [];
  #at = 0;
  #line = 1;
  #lineAt = 0;
  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  roots(): readonly XmlNode[] {
    while (this.#content()) {
      if (this.#code(this.#at + 1) === SLASH) this.#closeTag();
      else this.#openTag();
    }
    const unclosed = this.#open.at(-1);
    if (unclosed) this.#fail(`<${unclosed.name}> is not closed`, unclosed.start);
    return this.#roots;
  }

  #code(at: number): number {
    return this.#text.charCodeAt(at);
  }

  /** Goes to the next tag; false at the end. What is passed becomes the text of the open element. */
  #content(): boolean {
    const open = this.#open.at(-1);
    let from = this.#at;
    let escaped = false;
    const before = open?.text.length ?? 0;
    const take = () => {
      if (open) open.text += this.#text.slice(from, this.#at);
    };
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#code(this.#at);
      if (code === BACKSLASH) escaped = !escaped;
      else if (code !== LT) escaped = false;
      else if (this.#code(this.#at + 1) === BANG) {
        take();
        this.#comment();
        from = this.#at + 1;
      } else if (escaped) escaped = false;
      else {
        take();
        if (open && open.text.length - before > MAX_PIECE)
          this.#fail(`the text of <${open.name}> is longer than ${MAX_PIECE}`, open.start);
        return true;
      }
    }
    take();
    return false;
  }

  /** From its `<!` to its last character, where it leaves the place. */
  #comment(): void {
    const from = this.#at + 2;
    const dashes = this.#text.indexOf("-->", from);
    const bang = this.#text.indexOf("!>", from);
    if (dashes < 0 && bang < 0) this.#fail("a comment is not closed", this.#at);
    const end = bang < 0 || (dashes >= 0 && dashes < bang) ? dashes + 2 : bang + 1;
    this.#at = end;
  }

  #closeTag(): void {
    const start = this.#at;
    const end = this.#text.indexOf(">", start);
    const open = this.#open.pop();
    const name = end < 0 ? undefined : this.#text.slice(start + 2, end);
    if (!open) this.#fail(`</${(name ?? "").slice(0, 40)}> closes nothing`, start);
    if (name !== open.name)
      this.#fail(
        `<${open.name}> of line ${open.line} is not closed: found </${(name ?? "").slice(0, 40)}> first`,
        start,
      );
    this.#at = end + 1;
    this.#add(open, start, this.#at);
  }

  #add({ name, attributes, text, children, start, innerStart, line }: Open, innerEnd: number, end: number): void {
    const node: XmlNode = { name, attributes, text, children, start, end, innerStart, innerEnd, line };
    (this.#open.at(-1)?.children ?? this.#roots).push(node);
  }

  #openTag(): void {
    const start = this.#at;
    let end = start + 1;
    while (end < this.#text.length && this.#code(end) !== GT && !isSpace(this.#code(end)) && end - start <= MAX_PIECE)
      end++;
    let name = this.#text.slice(start + 1, end);
    let closed = name.endsWith("/");
    if (closed) name = name.slice(0, -1);
    if (name === "" || name.includes("<") || name.length > MAX_PIECE || end >= this.#text.length)
      this.#fail(`expected the name of an element and its end, found "${name.slice(0, 40)}"`, start);
    this.#at = end;
    const attributes = new Map<string, string>();
    if (this.#code(end) !== GT) closed = this.#attributes(attributes, start) || closed;
    if (this.#code(this.#at) === GT) this.#at++;
    const open: Open = {
      name,
      attributes,
      start,
      innerStart: this.#at,
      line: this.#lineOf(start),
      children: [],
      text: "",
    };
    if (closed) this.#add(open, this.#at, this.#at);
    else if (this.#open.length >= MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} elements`, start);
    else this.#open.push(open);
  }

  /** Reads attributes up to the `>` or, when the element ends with `/>`, its `>`: then true. */
  #attributes(into: Map<string, string>, start: number): boolean {
    for (;;) {
      while (isSpace(this.#code(this.#at))) this.#at++;
      const code = this.#code(this.#at);
      if (code === GT) return false;
      if (code === SLASH) {
        this.#at++;
        return true;
      }
      const equals = this.#nameEnd(start);
      const name = this.#text.slice(this.#at, equals);
      if (into.has(name)) this.#fail(`attribute ${name.slice(0, 40)} stands twice`, this.#at);
      let quote = equals + 1;
      while (isSpace(this.#code(quote))) quote++;
      const mark = this.#text[quote];
      if (mark !== '"' && mark !== "'") this.#fail(`the value of attribute ${name.slice(0, 40)} has no quotes`, quote);
      const end = this.#text.indexOf(mark, quote + 1);
      const value = this.#text.slice(quote + 1, end);
      if (end < 0 || value.length > MAX_PIECE || value.includes(">"))
        this.#fail(`the value of attribute ${name.slice(0, 40)} is not closed`, quote);
      into.set(name, value);
      this.#at = end + 1;
      const next = this.#code(this.#at);
      if (!isSpace(next) && next !== GT && next !== SLASH)
        this.#fail(`expected a space or > after attribute ${name.slice(0, 40)}`, this.#at);
    }
  }

  #nameEnd(start: number): number {
    let at = this.#at;
    for (; at < this.#text.length && at - this.#at <= MAX_PIECE; at++) {
      const code = this.#code(at);
      if (this.#text[at] === "=" && at > this.#at) return at;
      if (code === GT || code === SLASH || isSpace(code)) break;
    }
    return this.#fail(`attribute ${this.#text.slice(this.#at, Math.min(at, this.#at + 40))} has no value`, start);
  }

  /** Places are asked for in rising order, but for errors. */
  #lineOf(at: number): number {
    if (at < this.#lineAt) {
      this.#line = 1;
      this.#lineAt = 0;
    }
    for (; this.#lineAt < at; this.#lineAt++) if (this.#code(this.#lineAt) === NEWLINE) this.#line++;
    return this.#line;
  }

  #fail(what: string, at: number): never {
    throw new TiplineError("TIP_INPUT_INVALID", `${this.#file}:${this.#lineOf(at)}: ${what}`);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}
