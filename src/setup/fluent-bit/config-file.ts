/** Where something stands: the file as it was named, and its line, from 1. */
export interface Where {
  readonly file: string;
  readonly line: number;
}

/** One setting. The same key may come several times (`Header`, `Regex`). */
export interface Entry extends Where {
  /** Lower case: Fluent Bit does not tell `Retry_Limit` from `retry_limit`. */
  readonly key: string;
  readonly value: string;
}

export type SectionKind = "service" | "input" | "filter" | "output" | "parser" | "other";

export interface Section extends Where {
  readonly kind: SectionKind;
  readonly entries: readonly Entry[];
}

/** What Fluent Bit would refuse, or read otherwise than it looks. The text of the line is never in it: it may be a secret. */
export interface SyntaxFault extends Where {
  readonly id: string;
  readonly found: string;
  readonly advice: string;
}

export interface Include extends Where {
  readonly path: string;
}

/** One file as it stands, its includes not followed. */
export interface ParsedFile {
  readonly items: readonly (
    | { readonly what: "section"; readonly section: Section }
    | { readonly what: "include"; readonly include: Include }
  )[];
  /** `@SET NAME=value` and `env:`. */
  readonly variables: ReadonlyMap<string, string>;
  readonly faults: readonly SyntaxFault[];
}

/** A configuration with all that it includes, and the parsers that it names. */
export interface FluentBitConfig {
  readonly path: string;
  readonly format: "classic" | "yaml";
  readonly sections: readonly Section[];
  readonly variables: ReadonlyMap<string, string>;
  readonly faults: readonly SyntaxFault[];
  /** Names of the parsers files that could not be read. */
  readonly unread: readonly string[];
}

export const SECTION_KINDS: ReadonlyMap<string, SectionKind> = new Map([
  ["service", "service"],
  ["input", "input"],
  ["filter", "filter"],
  ["output", "output"],
  ["parser", "parser"],
]);

/** Sections that Fluent Bit knows and nothing here looks into. */
export const OTHER_SECTIONS: ReadonlySet<string> = new Set([
  "multiline_parser",
  "custom",
  "plugins",
  "upstream",
  "node",
  "stream_task",
]);

/** The last entry of a key, with the file's own variables put in; undefined when it is not set. */
export function entryOf(
  section: Section,
  key: string,
  variables: ReadonlyMap<string, string> = new Map(),
): Entry | undefined {
  const entry = section.entries.findLast((each) => each.key === key);
  return entry && { ...entry, value: withVariables(entry.value, variables) };
}

export function entriesOf(section: Section, key: string, variables: ReadonlyMap<string, string> = new Map()): Entry[] {
  return section.entries
    .filter((each) => each.key === key)
    .map((entry) => ({ ...entry, value: withVariables(entry.value, variables) }));
}

const MAX_VALUE = 64 * 1024;

/** `${NAME}` replaced where the file itself says what it is; what only the environment knows stays as it is written. */
export function withVariables(value: string, variables: ReadonlyMap<string, string>): string {
  if (variables.size === 0 || !value.includes("${")) return value;
  const text = value.replace(/\$\{([^{}]{1,200})\}/g, (whole, name: string) => variables.get(name) ?? whole);
  return text.length <= MAX_VALUE ? text : value;
}

/** True when a part of the value is known at the start only. */
export function isOpen(value: string): boolean {
  return /\$\{[^{}]{1,200}\}/.test(value);
}
