import { type Token, tokens, unescaped } from "./rule-lexer.ts";

export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "get"; readonly object: Expression; readonly key: Expression }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, Expression> }
  | { readonly kind: "call"; readonly name: string; readonly args: Arguments }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression };

/** Named, or by position. */
export type Arguments = ReadonlyMap<string, Expression> | readonly Expression[];

export type Statement =
  | { readonly kind: "let"; readonly name: string; readonly value: Expression }
  | { readonly kind: "do"; readonly call: Expression & { readonly kind: "call" } };

export interface Rule {
  readonly name: string;
  readonly when: Expression;
  readonly then: readonly Statement[];
}

export interface Stage {
  readonly number: number;
  readonly match: string;
  readonly rules: readonly string[];
}

export interface Pipeline {
  readonly name: string;
  readonly stages: readonly Stage[];
}

/** One rule, as an entity holds it. Throws with the place where the text leaves the grammar. */
export function parseRule(source: string): Rule {
  const parser = new Parser(source);
  const rule = parser.rule();
  parser.finish();
  return rule;
}

export function parsePipeline(source: string): Pipeline {
  const parser = new Parser(source);
  const pipeline = parser.pipeline();
  parser.finish();
  return pipeline;
}

/** Binary operators, those that bind loosest first. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
];
const WORDS: Readonly<Record<string, string>> = { and: "&&", or: "||", not: "!" };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  constructor(source: string) {
    this.#tokens = tokens(source);
  }

  rule(): Rule {
    this.#keyword("rule");
    const name = this.#string();
    this.#keyword("when");
    const when = this.#binary(0);
    const then: Statement[] = [];
    if (this.#isKeyword("then")) {
      this.#keyword("then");
      while (!this.#isKeyword("end")) {
        if (this.#takeIf(";")) continue;
        then.push(this.#statement());
      }
    }
    this.#keyword("end");
    return { name, when, then };
  }

  pipeline(): Pipeline {
    this.#keyword("pipeline");
    const name = this.#string();
    const stages: Stage[] = [];
    do stages.push(this.#stage());
    while (this.#isKeyword("stage"));
    this.#keyword("end");
    return { name, stages };
  }

  finish(): void {
    if (this.#token.kind !== "end") this.#fail("the end");
  }

  #stage(): Stage {
    this.#keyword("stage");
    const number = Number(this.#take("number"));
    this.#keyword("match");
    const match = this.#take("keyword").toLowerCase();
    if (!["all", "either", "pass"].includes(match)) this.#fail("all, either or pass");
    const rules: string[] = [];
    while (this.#isKeyword("rule")) {
      this.#keyword("rule");
      rules.push(this.#string());
      this.#takeIf(";");
    }
    return { number, match, rules };
  }

  #statement(): Statement {
    if (this.#isKeyword("let")) {
      this.#keyword("let");
      const name = this.#take("identifier");
      this.#symbol("=");
      const value = this.#binary(0);
      this.#symbol(";");
      return { kind: "let", name, value };
    }
    const call = this.#primary();
    if (call.kind !== "call") return this.#fail("a call");
    this.#symbol(";");
    return { kind: "do", call };
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = WORDS[this.#token.text.toLowerCase()] ?? this.#token.text;
      if (!["symbol", "keyword"].includes(this.#token.kind) || !operators.includes(operator)) return left;
      this.#at++;
      left = { kind: "binary", operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    if (this.#isKeyword("not") || this.#token.text === "!") {
      this.#at++;
      return { kind: "not", operand: this.#unary() };
    }
    let object = this.#primary();
    for (;;) {
      if (this.#takeIf("[")) {
        object = { kind: "get", object, key: this.#binary(0) };
        this.#symbol("]");
      } else if (this.#takeIf(".")) {
        object = { kind: "get", object, key: { kind: "literal", value: this.#take("identifier") } };
      } else return object;
    }
  }

  #primary(): Expression {
    const { kind, text } = this.#token;
    this.#at++;
    if (kind === "string") return { kind: "literal", value: unescaped(text) };
    if (kind === "number") return { kind: "literal", value: Number(text.replace(/l$/i, "")) };
    if (kind === "boolean") return { kind: "literal", value: text === "true" };
    if (kind === "message") {
      this.#symbol(".");
      return { kind: "field", name: this.#take("identifier") };
    }
    if (kind === "identifier")
      return this.#token.text === "("
        ? { kind: "call", name: text, args: this.#arguments() }
        : { kind: "variable", name: text };
    if (text === "(") {
      const inner = this.#binary(0);
      this.#symbol(")");
      return inner;
    }
    if (text === "[") return { kind: "list", items: this.#items("]") };
    if (text === "{") return { kind: "map", entries: this.#entries("}") };
    this.#at--;
    return this.#fail("an expression");
  }

  #arguments(): Arguments {
    this.#symbol("(");
    const named = this.#token.kind === "identifier" && this.#tokens[this.#at + 1]?.text === ":";
    return named ? this.#entries(")") : this.#items(")");
  }

  #items(close: string): readonly Expression[] {
    const items: Expression[] = [];
    if (this.#takeIf(close)) return items;
    do items.push(this.#binary(0));
    while (this.#takeIf(","));
    this.#symbol(close);
    return items;
  }

  #entries(close: string): ReadonlyMap<string, Expression> {
    const entries = new Map<string, Expression>();
    if (this.#takeIf(close)) return entries;
    do {
      const name = this.#take("identifier");
      if (entries.has(name)) this.#fail("one value for each name");
      this.#symbol(":");
      entries.set(name, this.#binary(0));
    } while (this.#takeIf(","));
    this.#symbol(close);
    return entries;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "", at: -1 };
  }

  #isKeyword(word: string): boolean {
    return this.#token.kind === "keyword" && this.#token.text.toLowerCase() === word;
  }

  #keyword(word: string): void {
    if (!this.#isKeyword(word)) this.#fail(word);
    this.#at++;
  }

  #take(kind: Token["kind"]): string {
    const { kind: found, text } = this.#token;
    if (found !== kind) this.#fail(kind);
    this.#at++;
    return text;
  }

  #string(): string {
    return unescaped(this.#take("string"));
  }

  #takeIf(symbol: string): boolean {
    const taken = this.#token.kind === "symbol" && this.#token.text === symbol;
    if (taken) this.#at++;
    return taken;
  }

  #symbol(symbol: string): void {
    if (!this.#takeIf(symbol)) this.#fail(symbol);
  }

  #fail(expected: string): never {
    throw new Error(`expected ${expected} at ${this.#token.at}, found "${this.#token.text}"`);
  }
}
