import { type Entry, entriesOf, entryOf, type FluentBitConfig, isOpen, type Section } from "./config-file.ts";

/** Records of one tag on their way, and what is in them. */
export interface Stream {
  readonly input: Section;
  readonly tag: string;
  /** Parsers and filters that were passed before this tag was given. */
  readonly passed: readonly Section[];
}

/** How an alert looks at some point: the exact line under one key, its own keys, or nothing that can be told from here. */
export type Shape =
  | { readonly what: "line"; readonly key: string }
  | { readonly what: "alert"; readonly keys: ReadonlySet<string> }
  | { readonly what: "unknown" };

/** Keys that Wazuh writes at the top of an alert [4.3 to 4.14]. */
const ALERT_KEYS = [
  "timestamp",
  "rule",
  "agent",
  "manager",
  "cluster",
  "id",
  "previous_output",
  "previous_log",
  "full_log",
  "predecoder",
  "decoder",
  "data",
  "location",
  "input",
  "syscheck",
  "title",
  "GeoLocation",
  "program_name",
  "hostname",
  "full_command",
  "command",
];

/** Parsers' definitions by name. */
export function parsersOf({ sections, variables }: FluentBitConfig): ReadonlyMap<string, Section> {
  const found = new Map<string, Section>();
  for (const section of sections) {
    if (section.kind !== "parser") continue;
    const name = entryOf(section, "name", variables)?.value;
    if (name !== undefined) found.set(name, section);
  }
  return found;
}

const MAX_STREAMS = 256;

/** Every tag that records come by: those of inputs, and those that rewrite_tag gives. */
export function streamsOf(config: FluentBitConfig): readonly Stream[] {
  const filters = config.sections.filter(({ kind }) => kind === "filter");
  const streams: Stream[] = config.sections
    .filter(({ kind }) => kind === "input")
    .map((input, at) => ({ input, tag: tagOf(input, config, at), passed: [] }));
  for (let at = 0; at < streams.length && streams.length < MAX_STREAMS; at++) {
    const stream = streams[at];
    if (stream === undefined) break;
    for (const filter of filters) {
      if (pluginOf(filter, config) !== "rewrite_tag" || !matches(filter, stream.tag, config)) continue;
      const before = filters.slice(0, filters.indexOf(filter)).filter((each) => matches(each, stream.tag, config));
      for (const { value } of entriesOf(filter, "rule", config.variables)) {
        const tag = value.trim().split(/ +/).at(-2) ?? "";
        const again = streams.some((each) => each.input === stream.input && each.tag === tag);
        if (tag !== "" && !again && streams.length < MAX_STREAMS)
          streams.push({ input: stream.input, tag, passed: [...stream.passed, ...before] });
      }
    }
  }
  return streams;
}

export function pluginOf(section: Section, { variables }: FluentBitConfig): string {
  return (entryOf(section, "name", variables)?.value ?? "").toLowerCase();
}

function tagOf(input: Section, config: FluentBitConfig, at: number): string {
  return entryOf(input, "tag", config.variables)?.value ?? `${pluginOf(input, config)}.${at}`;
}

/** Whether a filter or output takes what comes by this tag. What only the start knows is taken to fit. */
export function matches(section: Section, tag: string, { variables }: FluentBitConfig): boolean {
  if (entryOf(section, "match_regex", variables) !== undefined) return true;
  const pattern = entryOf(section, "match", variables)?.value;
  if (pattern === undefined) return false;
  if (isOpen(pattern) || isOpen(tag) || tag.includes("$")) return true;
  return like(tag.replaceAll("*", "x"), pattern);
}

/** `*` stands for any characters, also none; nothing else is special. */
export function like(text: string, pattern: string): boolean {
  const pieces = pattern.split("*");
  const [first = "", ...rest] = pieces;
  if (rest.length === 0) return text === pattern;
  const last = rest.pop() ?? "";
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > text.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}

/** What a stream's records look like after these filters. */
export function shapeOf(stream: Stream, filters: readonly Section[], config: FluentBitConfig): Shape {
  let shape = inputShape(stream.input, config);
  for (const filter of [...stream.passed, ...filters]) shape = filtered(shape, filter, config);
  return shape;
}

function inputShape(input: Section, config: FluentBitConfig): Shape {
  if (pluginOf(input, config) !== "tail") return { what: "unknown" };
  const get = (key: string) => entryOf(input, key, config.variables)?.value;
  if (get("multiline.parser") !== undefined || get("docker_mode") !== undefined) return { what: "unknown" };
  const parser = get("parser");
  if (parser === undefined) return { what: "line", key: get("key") ?? "log" };
  return parsedBy(parser, config);
}

function parsedBy(name: string, config: FluentBitConfig): Shape {
  const parser = parsersOf(config).get(name);
  const get = (key: string) => (parser === undefined ? undefined : entryOf(parser, key, config.variables)?.value);
  // The packages' own parser of this name is one of JSON.
  const format = get("format") ?? (name === "json" ? "json" : "");
  if (format.toLowerCase() !== "json") return { what: "unknown" };
  const taken = get("time_key");
  const kept = ["on", "true", "yes"].includes((get("time_keep") ?? "off").toLowerCase());
  const keys = new Set(ALERT_KEYS);
  if (taken !== undefined && !kept) keys.delete(taken);
  return { what: "alert", keys };
}

/** Filters that leave keys as they are. */
const NEUTRAL = new Set(["grep", "throttle", "rewrite_tag", "stdout", "expect", "log_to_metrics"]);

function filtered(shape: Shape, filter: Section, config: FluentBitConfig): Shape {
  const plugin = pluginOf(filter, config);
  if (shape.what === "unknown" || NEUTRAL.has(plugin)) return shape;
  if (plugin === "parser") {
    const parser = entryOf(filter, "parser", config.variables)?.value;
    return parser === undefined ? { what: "unknown" } : parsedBy(parser, config);
  }
  if (plugin !== "modify" && plugin !== "record_modifier") return { what: "unknown" };
  const made = filter.entries.flatMap((entry) => madeKey(entry));
  if (shape.what === "line") return made.length === 0 ? shape : { what: "unknown" };
  return { what: "alert", keys: new Set([...shape.keys, ...made]) };
}

function madeKey({ key, value }: Entry): readonly string[] {
  const words = value.split(/ +/);
  if (["add", "set", "record"].includes(key)) return words.slice(0, 1);
  return ["rename", "hard_rename", "copy", "hard_copy"].includes(key) ? words.slice(1, 2) : [];
}
