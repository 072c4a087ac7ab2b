/**
 * A reader of the XML dialect of analysisd, for the sim alone: independent of the product's own reader, so that one can be
 * held against the other. Several roots, `\<` for a literal `<`, entities not decoded.
 */
export interface OsXmlNode {
  readonly name: string;
  readonly attributes: readonly (readonly [string, string])[];
  /** Own text, as it stands. */
  readonly content: string;
  readonly children: readonly OsXmlNode[];
  readonly line: number;
}

/** The message as analysisd words it, and the line that it names. */
export class OsXmlError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(`XMLERR: ${message}`);
    this.line = line;
  }
}

export interface OsXmlOptions {
  /** Rules refuse a `&` that begins no entity; ossec.conf does not. */
  readonly bareAmpersand?: boolean;
}

export function readOsXml(text: string, options: OsXmlOptions = {}): readonly OsXmlNode[] {
  return new Reader(text, options.bareAmpersand ?? true).elements(undefined).children;
}

/** `<var name="X">…</var>` of the roots, put in for `$X` everywhere below. */
export function applyVariables(roots: readonly OsXmlNode[]): readonly OsXmlNode[] {
  const variables = new Map<string, string>();
  for (const node of roots) if (node.name === "var") variables.set(node.attributes[0]?.[1] ?? "", node.content.trim());
  const fill = (text: string) => text.replace(/\$([A-Za-z0-9_-]+)/g, (whole, name) => variables.get(name) ?? whole);
  const walk = (node: OsXmlNode): OsXmlNode => ({
    ...node,
    content: fill(node.content),
    attributes: node.attributes.map(([key, value]) => [key, fill(value)] as const),
    children: node.children.map(walk),
  });
  return roots.filter((node) => node.name !== "var").map(variables.size === 0 ? (node) => node : walk);
}

const MAX_DEPTH = 32;

class Reader {
  readonly #text: string;
  readonly #bareAmpersand: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, bareAmpersand: boolean) {
    this.#text = text;
    this.#bareAmpersand = bareAmpersand;
  }

  /** Up to the closing tag of `open`, or the end of the file. */
  elements(open: string | undefined): { children: OsXmlNode[]; content: string } {
    const children: OsXmlNode[] = [];
    let content = "";
    for (;;) {
      const lt = this.#nextTag();
      content += this.#plain(this.#at, lt);
      this.#at = lt;
      if (lt === this.#text.length) {
        if (open !== undefined) this.#fail(`Element '${open}' not closed.`);
        return { children, content };
      }
      if (this.#skipComment()) continue;
      if (this.#text[lt + 1] === "/") {
        this.#close(open);
        return { children, content };
      }
      children.push(this.#element());
    }
  }

  #nextTag(): number {
    for (let at = this.#at; ; at += 1) {
      at = this.#text.indexOf("<", at);
      if (at < 0) return this.#text.length;
      if (this.#text[at - 1] !== "\\" || at === this.#at) return at;
    }
  }

  #plain(from: number, to: number): string {
    const part = this.#text.slice(from, to);
    if (!this.#bareAmpersand && /&(?!#?\w{1,16};)/.test(part)) {
      this.#at = from + part.search(/&(?!#?\w{1,16};)/);
      this.#fail("Bad formed XML. Invalid character '&'.");
    }
    return part.replaceAll("\\<", "<");
  }

  #skipComment(): boolean {
    const end = { "<!--": "-->", "<!": "!>" };
    for (const [start, stop] of Object.entries(end)) {
      if (!this.#text.startsWith(start, this.#at)) continue;
      const closed = this.#text.indexOf(stop, this.#at + start.length);
      if (closed < 0) {
        this.#at = this.#text.length;
        this.#fail("Comment not closed. Bad XML.");
      }
      this.#at = closed + stop.length;
      return true;
    }
    return false;
  }

  #close(open: string | undefined): void {
    const end = this.#text.indexOf(">", this.#at);
    const name = this.#text.slice(this.#at + 2, end < 0 ? undefined : end);
    if (open === undefined) this.#fail("Bad formed XML. Element not opened.");
    if (end < 0 || name.trim() !== open) this.#fail(`Element '${open}' not closed.`);
    this.#at = end + 1;
  }

  #element(): OsXmlNode {
    const line = this.#line();
    const name = /^[^\s/>]*/.exec(this.#text.slice(this.#at + 1, this.#at + 257))?.[0] ?? "";
    this.#at += 1 + name.length;
    const attributes = this.#attributes();
    if (this.#text[this.#at] === "/") {
      this.#at += 2;
      return { name, attributes, content: "", children: [], line };
    }
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail("Max depth reached.");
    const inner = this.elements(name);
    this.#depth -= 1;
    return { name, attributes, ...inner, line };
  }

  #attributes(): [string, string][] {
    const found: [string, string][] = [];
    const pattern = /\s*([^\s=/>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;
    for (;;) {
      pattern.lastIndex = this.#at;
      const match = pattern.exec(this.#text);
      if (match === null) break;
      this.#at = pattern.lastIndex;
      found.push([match[1]!, match[2] ?? match[3] ?? ""]);
    }
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    const here = this.#text[this.#at];
    if (here === ">" || (here === "/" && this.#text[this.#at + 1] === ">")) return found;
    const name = /^[^\s=/>]*/.exec(this.#text.slice(this.#at, this.#at + 64))?.[0] ?? "";
    if (here === undefined) this.#fail("End of file while reading an attribute.");
    return this.#fail(
      this.#text[this.#at + name.length] === "="
        ? `Attribute '${name}' not followed by a " or '.`
        : `Attribute '${name}' has no value.`,
    );
  }

  #line(): number {
    let line = 1;
    for (let at = this.#text.indexOf("\n"); at >= 0 && at < this.#at; at = this.#text.indexOf("\n", at + 1)) line += 1;
    return line;
  }

  #fail(message: string): never {
    throw new OsXmlError(message, this.#line());
  }
}
