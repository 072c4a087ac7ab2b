import { TiplineError } from "../lib/errors.ts";
import { isRedacted } from "../model/finding.ts";
import { factsOf } from "./webhook-facts.ts";
import { type Chat, neutral, oneLine, safeLink } from "./webhook-text.ts";
import { type NoticeView, textOf, wholeText } from "./webhook-view.ts";

/**
 * A body as the user wants it: a structure of YAML or JSON in which texts hold `{{ name }}` or `{{ name | filter | filter(n) }}`. Since
 * values are put into a structure and not into text, what comes out is JSON whatever they hold. Nothing is evaluated; a value that
 * looks like a placeholder stays text.
 */
export type Template = (view: NoticeView) => unknown;

type Value = string | number | readonly string[];
type Variables = ReadonlyMap<string, Value>;
type Node = (variables: Variables) => unknown;
type Filter = (value: Value) => Value;

const MOST_NODES = 1000;
const MOST_DEPTH = 20;
const MOST_TEXT = 8000;

/** Names that a template may use, with what they are for. */
export const VARIABLES = {
  kind: "notice or digest",
  id: "the webhook-id of this message",
  message: "id of the notice or digest, for `tipline notices show`",
  part: "1 and up (number)",
  parts: "how many messages it takes (number)",
  count: "findings in the notice or digest (number)",
  unlisted: "findings that no part lists (number)",
  groups: "groups in the digest (number)",
  title: "one line",
  text: "everything a person needs, several lines",
  finding_id: "id of the first finding listed",
  finding_ids: "ids of all findings listed (list)",
  time: "when the message was made",
  link: "the event in MISP",
  band: "low, medium, high, critical or benign",
  score: "0 to 100 (number)",
  type: "MISP's type of the indicator",
  value: "the indicator",
  host: "the machine concerned",
  user: "the user concerned",
  agent_id: "Wazuh's agent",
  agent_name: "its name",
  rule_id: "Wazuh's rule",
  rule_level: "its level",
  rule_description: "what it says",
  event_id: "MISP's event",
  event_info: "its title",
  org: "its organisation",
  tlp: "its TLP",
  tags: "its tags (list)",
  mode: "live, retro or simulated",
} as const satisfies Record<string, string>;
type Name = keyof typeof VARIABLES;

/** Compiles a template; TiplineError names the place of what is wrong. `chat`: whose markup values must not become. */
export function compileTemplate(template: unknown, key: string, chat?: Chat): Template {
  const state = { nodes: 0, names: new Set<string>() };
  const root = compile(template, key, 0, state);
  if (!state.names.has("finding_ids") && !state.names.has("text"))
    throw invalid(key, "{{finding_ids}} or {{text}} in it, so that each finding is named", "neither");
  return (view) => root(variablesOf(view, chat));
}

interface State {
  nodes: number;
  readonly names: Set<string>;
}

function compile(node: unknown, at: string, depth: number, state: State): Node {
  state.nodes += 1;
  if (depth > MOST_DEPTH || state.nodes > MOST_NODES)
    throw invalid(at, `at most ${MOST_NODES} values, ${MOST_DEPTH} deep`, "more");
  if (typeof node === "string") return compileText(node, at, state);
  if (node === null || typeof node === "boolean" || typeof node === "number") return () => node;
  if (Array.isArray(node)) {
    const items = node.map((item, i) => compile(item, `${at}.${i}`, depth + 1, state));
    return (variables) => items.map((item) => item(variables));
  }
  if (typeof node !== "object") throw invalid(at, "texts, numbers, booleans, lists and mappings", typeof node);
  const members = Object.entries(node).map(
    ([name, value]) => [name, compile(value, `${at}.${name}`, depth + 1, state)] as const,
  );
  return (variables) => Object.fromEntries(members.map(([name, value]) => [name, value(variables)]));
}

/** A text that is one placeholder and nothing else becomes that value: a number or list stays one. */
function compileText(text: string, at: string, state: State): Node {
  if (text.length > MOST_TEXT) throw invalid(at, `at most ${MOST_TEXT} characters`, String(text.length));
  const pieces: (string | ((variables: Variables) => Value))[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf("{{", from);
    const close = open < 0 ? -1 : text.indexOf("}}", open + 2);
    if (open >= 0 && close < 0) throw invalid(at, "}} after {{", "none");
    pieces.push(open < 0 ? text.slice(from) : text.slice(from, open));
    if (open < 0) break;
    pieces.push(placeholder(text.slice(open + 2, close), at, state));
    from = close + 2;
  }
  const [head, only, tail] = pieces;
  if (pieces.length === 3 && head === "" && tail === "" && typeof only === "function") return only;
  return (variables) => pieces.map((piece) => (typeof piece === "string" ? piece : asText(piece(variables)))).join("");
}

function placeholder(source: string, at: string, state: State): (variables: Variables) => Value {
  const [name = "", ...rest] = source.split("|").map((part) => part.trim());
  if (!Object.hasOwn(VARIABLES, name))
    throw invalid(at, `one of ${Object.keys(VARIABLES).join(", ")}`, `{{${name.slice(0, 40)}}}`);
  state.names.add(name);
  const filters = rest.map((part) => filterOf(part, at));
  return (variables) => filters.reduce<Value>((value, filter) => filter(value), variables.get(name) ?? "");
}

function filterOf(text: string, at: string): Filter {
  const [, name = "", argument] = /^([a-z]+)(?:\(([^()]{0,100})\))?$/.exec(text) ?? [];
  if (name === "upper") return (value) => asText(value).toUpperCase();
  if (name === "lower") return (value) => asText(value).toLowerCase();
  if (name === "text") return asText;
  if (name === "default" && argument !== undefined)
    return (value) => (asText(value) === "" ? unquoted(argument) : value);
  if (name === "join" && argument !== undefined)
    return (value) => (typeof value === "object" ? value.join(unquoted(argument)) : value);
  const most = Number(argument);
  if (name === "cut" && Number.isInteger(most) && most > 0) return (value) => oneLine(asText(value), most);
  throw invalid(at, "upper, lower, text, cut(number), join(text) or default(text) after |", text.slice(0, 40));
}

const unquoted = (text: string): string => text.replace(/^(['"])(.*)\1$/s, "$2");
const asText = (value: Value): string => (typeof value === "object" ? value.join(", ") : String(value));

function variablesOf(view: NoticeView, chat: Chat | undefined): Variables {
  const { finding, ids, summary } = view;
  const foreign = (text: string | undefined, most = 500): string =>
    text === undefined ? "" : chat === undefined ? oneLine(text, most) : neutral(text, chat, most);
  const open = finding !== undefined && !isRedacted(finding) ? finding : undefined;
  const { misp, alert } = open ?? {};
  const values: Record<Name, Value> = {
    kind: view.kind,
    id: view.id,
    message: view.message,
    part: view.part,
    parts: view.parts,
    count: view.count,
    unlisted: view.unlisted,
    groups: summary?.groups ?? 0,
    title: textOf(view, chat).title,
    text: wholeText(view, chat),
    finding_id: foreign(ids[0]),
    finding_ids: ids.map((id) => foreign(id)),
    time: new Date(view.createdAt).toISOString(),
    link: safeLink(finding?.misp.link) ?? "",
    band: foreign(misp?.band),
    score: open?.score ?? 0,
    type: foreign(misp?.type),
    value: foreign(misp?.value),
    host: foreign(open === undefined ? undefined : factsOf(open).where),
    user: foreign(misp?.context?.user),
    agent_id: foreign(alert?.agent?.id),
    agent_name: foreign(alert?.agent?.name),
    rule_id: foreign(misp?.source?.rule_id ?? alert?.rule?.id),
    rule_level: foreign(misp?.source?.rule_level ?? (alert?.rule === undefined ? undefined : String(alert.rule.level))),
    rule_description: foreign(misp?.source?.description ?? alert?.rule?.description),
    event_id: foreign(misp?.event_id),
    event_info: foreign(misp?.event_info),
    org: foreign(misp?.org),
    tlp: foreign(misp?.tlp),
    tags: (misp?.tags ?? []).slice(0, 30).map((tag) => foreign(tag, 200)),
    mode: open?.mode ?? "",
  };
  return new Map(Object.entries(values));
}

function invalid(at: string, expected: string, found: string): TiplineError {
  return new TiplineError("TIP_CONFIG_INVALID", `${at}: expected ${expected}; found ${found}`);
}
