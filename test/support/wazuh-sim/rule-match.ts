import { fieldText, type SimEvent } from "./event.ts";
import { holds } from "./expression.ts";
import { History } from "./history.ts";
import type { RuleNode, SimRule } from "./rule.ts";
import type { LoadedRules } from "./rule-loader.ts";

/** A rule that an event fired; whether it is written as an alert is `written`. */
export interface Verdict {
  readonly rule: SimRule;
  readonly firedTimes: number;
  readonly written: boolean;
  readonly mail: boolean;
  /** Every rule that the event passed on the way, the fired one last. */
  readonly path: readonly number[];
}

/** One loaded ruleset with its memory: what fired lately (frequency rules), counters, ignore windows. A reload starts afresh. */
export class RuleMatcher {
  readonly #rules: LoadedRules;
  readonly #history: History;
  readonly #fired = new Map<number, number>();
  readonly #ignoredAt = new Map<number, number>();

  constructor(rules: LoadedRules) {
    this.#rules = rules;
    this.#history = new History(rules.tree.rules());
  }

  get rules(): LoadedRules {
    return this.#rules;
  }

  /** The first rule, in analysisd's order, that the event fires; one of level 0 is neither counted nor written. */
  evaluate(event: SimEvent): Verdict | undefined {
    const found = this.match(event);
    const first = found?.[0];
    if (found === undefined || first === undefined) return undefined;
    const path = found.map(({ id }) => id).reverse();
    const rule = first.level === 0 ? undefined : this.#afterIgnore(first, found.slice(1), event);
    if (rule === undefined) return { rule: first, firedTimes: 1, written: false, mail: false, path };
    const firedTimes = (this.#fired.get(rule.id) ?? 0) + 1;
    this.#fired.set(rule.id, firedTimes);
    this.#history.remember(rule, event);
    const { logLevel, mailLevel } = this.#rules;
    const written = rule.level >= logLevel ? !rule.options.has("no_log") : rule.options.has("log_alert");
    const mail = rule.level >= mailLevel ? !rule.options.has("no_email_alert") : rule.options.has("alert_by_email");
    return { rule, firedTimes, written, mail, path };
  }

  /** The fired rule first, then its parents. Nothing is remembered. */
  match(event: SimEvent): SimRule[] | undefined {
    for (const root of this.#rules.tree.roots) {
      if (root.rule.category !== event.category) continue;
      const found = this.#descend(root, event);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #descend(node: RuleNode, event: SimEvent): SimRule[] | undefined {
    const { rule } = node;
    if (!this.#passes(rule, event)) return undefined;
    for (const child of node.children) {
      const found = this.#descend(child, event);
      if (found !== undefined) return [...found, rule];
    }
    return rule.noalert ? undefined : [rule];
  }

  /** The category is the root's to check: a rule below needs none of its own. */
  #passes(rule: SimRule, event: SimEvent): boolean {
    if (rule.unsupported) return false;
    if (rule.decodedAs !== undefined && rule.decodedAs !== event.decoder) return false;
    for (const [name, expression] of rule.expressions) {
      const text = ownText(name, event);
      if (text === undefined || !holds(expression, text)) return false;
    }
    // A field that is not there fails the rule, `negate` or not.
    for (const { name, expression } of rule.fields) {
      const text = fieldText(event, name);
      if (text === undefined || !holds(expression, text)) return false;
    }
    return this.#history.counted(rule, event);
  }

  /** Within the window that the rule's first firing opened, its parent is what fires. */
  #afterIgnore(rule: SimRule, above: readonly SimRule[], event: SimEvent): SimRule | undefined {
    if (rule.ignore === 0) return rule;
    const since = this.#ignoredAt.get(rule.id);
    if (since === undefined || event.time - since >= rule.ignore) {
      this.#ignoredAt.set(rule.id, event.time);
      return rule;
    }
    event.lastLogs = [];
    return above[0];
  }
}

function ownText(name: string, event: SimEvent): string | undefined {
  if (name === "match" || name === "regex") return event.log;
  if (name === "location") return event.ruleLocation;
  if (name === "user") return event.own.get("dstuser");
  if (name === "system_name") return event.own.get("systemname");
  return event.own.get(name);
}

const MAX_DESCRIPTION = 1024;

/** `$(name)` filled in; as soon as the whole would reach 1,024 bytes the description stays as the rule has it. */
export function describe(rule: SimRule, event: SimEvent): string {
  let length = 0;
  const parts: string[] = [];
  let rest = rule.description;
  const push = (part: string): boolean => {
    length += Buffer.byteLength(part);
    parts.push(part);
    return length < MAX_DESCRIPTION;
  };
  for (let open = rest.indexOf("$("); open >= 0; open = rest.indexOf("$(")) {
    const close = rest.indexOf(")", open);
    if (close < 0) break;
    const name = rest.slice(open + 2, close);
    const value = event.own.get(name === "system_name" ? "systemname" : name) ?? fieldText(event, name) ?? "";
    if (!push(rest.slice(0, open)) || !push(value)) return rule.description;
    rest = rest.slice(close + 1);
  }
  return push(rest) ? parts.join("") : rule.description;
}
