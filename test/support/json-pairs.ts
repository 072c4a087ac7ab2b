/**
 * A JSON reader that behaves like cJSON where JSON.parse does not: it reads one document and says where it ended (what
 * follows is not looked at), keeps the order and the repetition of keys, and refuses a lone surrogate escape.
 */
export type Pairs = readonly (readonly [string, Node])[];
export type Node =
  | { readonly kind: "object"; readonly pairs: Pairs }
  | { readonly kind: "array"; readonly json: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "word"; readonly value: "true" | "false" | "null" };

/** The first document in `text`, or undefined when that is broken. */
export function readDocument(text: string): { readonly node: Node; readonly end: number } | undefined {
  const reader = new Reader(text);
  try {
    const node = reader.value(0);
    return { node, end: reader.at };
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

const MAX_DEPTH = 1000;

class Reader {
  at = 0;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Node {
    if (depth > MAX_DEPTH) throw new SyntaxError("too deep");
    this.#space();
    const first = this.#text[this.at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return { kind: "string", value: this.#string() };
    return this.#scalar();
  }

  #object(depth: number): Node {
    const pairs: [string, Node][] = [];
    this.#expect("{");
    if (this.#skip("}")) return { kind: "object", pairs };
    do {
      this.#space();
      const key = this.#string();
      this.#expect(":");
      pairs.push([key, this.value(depth + 1)]);
    } while (this.#skip(","));
    this.#expect("}");
    return { kind: "object", pairs };
  }

  #array(depth: number): Node {
    const start = this.at;
    this.#expect("[");
    if (!this.#skip("]")) {
      do this.value(depth + 1);
      while (this.#skip(","));
      this.#expect("]");
    }
    return { kind: "array", json: this.#text.slice(start, this.at) };
  }

  #string(): string {
    const start = this.at;
    if (this.#text[start] !== '"') throw new SyntaxError("no string");
    let at = start + 1;
    while (at < this.#text.length && this.#text[at] !== '"') at += this.#text[at] === "\\" ? 2 : 1;
    this.at = at + 1;
    const value: unknown = JSON.parse(this.#text.slice(start, this.at));
    if (typeof value !== "string" || !isWellFormed(value)) throw new SyntaxError("lone surrogate");
    // cJSON stores C strings.
    return value.split("\0", 1)[0] ?? "";
  }

  #scalar(): Node {
    const found = /^(?:true|false|null|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/.exec(
      this.#text.slice(this.at, this.at + 400),
    );
    if (found === null) throw new SyntaxError("no value");
    this.at += found[0].length;
    const word = found[0];
    if (word === "true" || word === "false" || word === "null") return { kind: "word", value: word };
    return { kind: "number", value: Number(word) };
  }

  #space(): void {
    while (/^[ \t\r\n]/.test(this.#text[this.at] ?? "")) this.at += 1;
  }

  #skip(char: string): boolean {
    this.#space();
    if (this.#text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  #expect(char: string): void {
    if (!this.#skip(char)) throw new SyntaxError(`expected ${char}`);
  }
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
