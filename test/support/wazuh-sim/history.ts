import { fieldText, type SimEvent } from "./event.ts";
import type { SimRule } from "./rule.ts";

/** `memory_size`: how many events the rules that count can look back on. */
const MAX_EVENTS = 8192;

interface Counting {
  readonly rule: SimRule;
  /** Events by what must be the same: agent and `same_field` values. Oldest first. */
  readonly groups: Map<string, SimEvent[]>;
}

interface Remembered {
  readonly event: SimEvent;
  readonly places: readonly (readonly [groups: Map<string, SimEvent[]>, key: string])[];
}

/** What fired lately, for the rules that count (`if_matched_sid`, `if_matched_group`). */
export class History {
  readonly #counting = new Map<number, Counting>();
  readonly #bySid = new Map<number, Counting[]>();
  readonly #byGroup = new Map<number, Counting[]>();
  readonly #events: Remembered[] = [];
  #oldest = 0;

  /** `rules` in the order of loading: a rule counts by group only what was loaded before it. */
  constructor(rules: Iterable<SimRule>) {
    const earlier: SimRule[] = [];
    for (const rule of rules) {
      earlier.push(rule);
      const counting: Counting = { rule, groups: new Map() };
      if (rule.ifMatchedSid !== undefined) append(this.#bySid, rule.ifMatchedSid, counting);
      else if (rule.ifMatchedGroup !== undefined) {
        for (const other of earlier)
          if (groupMatches(rule.ifMatchedGroup, other.group)) append(this.#byGroup, other.id, counting);
      } else continue;
      this.#counting.set(rule.id, counting);
    }
  }

  /** The event fired the rule: kept for those that count it by id; only where there are none, for those by group. */
  remember(rule: SimRule, event: SimEvent): void {
    const readers = this.#bySid.get(rule.id) ?? this.#byGroup.get(rule.id) ?? [];
    const places: (readonly [Map<string, SimEvent[]>, string])[] = [];
    for (const { rule: reader, groups } of readers) {
      const key = keyOf(reader, event);
      if (key === undefined) continue;
      append(groups, key, event);
      places.push([groups, key]);
    }
    if (places.length > 0) this.#events.push({ event, places });
    if (this.#events.length - this.#oldest > MAX_EVENTS) this.#forgetOldest();
  }

  /** True when enough earlier events go with this one; they then count as used for rules up to this level. */
  counted(rule: SimRule, event: SimEvent): boolean {
    if (rule.ifMatchedSid === undefined && rule.ifMatchedGroup === undefined) return true;
    const key = keyOf(rule, event);
    const earlierEvents = key === undefined ? undefined : this.#counting.get(rule.id)?.groups.get(key);
    if (earlierEvents === undefined) return false;
    const needed = Math.max(0, (rule.frequency ?? 2) - 2);
    const logs: string[] = [];
    let newest: SimEvent | undefined;
    for (let at = earlierEvents.length - 1; at >= 0; at -= 1) {
      const earlier = earlierEvents[at]!;
      if (event.time - earlier.time > rule.timeframe) return false;
      if (!allDifferent(rule, event, earlier)) continue;
      if (earlier.matched >= rule.level) return false;
      logs.push(earlier.fullLog);
      newest ??= earlier;
      if (logs.length <= needed) continue;
      event.matched = rule.level;
      newest.matched = rule.level;
      event.lastLogs = logs.slice(0, 11);
      return true;
    }
    return false;
  }

  #forgetOldest(): void {
    for (const [groups, key] of this.#events[this.#oldest]!.places) {
      const events = groups.get(key);
      events?.shift();
      if (events?.length === 0) groups.delete(key);
    }
    this.#oldest += 1;
    if (this.#oldest < MAX_EVENTS) return;
    this.#events.splice(0, this.#oldest);
    this.#oldest = 0;
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const found = map.get(key);
  if (found === undefined) map.set(key, [value]);
  else found.push(value);
}

/** Undefined: a field that must be the same is not there, so nothing ever goes with this event. */
function keyOf(rule: SimRule, event: SimEvent): string | undefined {
  const parts = [rule.globalFrequency ? "" : event.agent.id];
  for (const name of rule.sameFields) {
    const text = fieldText(event, name);
    if (text === undefined) return undefined;
    parts.push(text);
  }
  return parts.join("\0");
}

/** A field that one of the two lacks counts as different. */
function allDifferent(rule: SimRule, event: SimEvent, earlier: SimEvent): boolean {
  return rule.notSameFields.every((name) => {
    const now = fieldText(event, name);
    return now === undefined || now !== fieldText(earlier, name);
  });
}

function groupMatches(pattern: string, group: string): boolean {
  return pattern.split("|").some((part) => group.toLowerCase().includes(part.toLowerCase()));
}
