import { isAbsolute } from "node:path";
import { isOpen, type Section } from "./config-file.ts";
import { alertInputs, type Examined } from "./examined.ts";
import { type Finding, findingAt } from "./finding.ts";

export function filterFindings(x: Examined): readonly Finding[] {
  return x.of("filter").flatMap((filter) => [...matching(x, filter), ...grep(x, filter), ...script(x, filter)]);
}

function* matching(x: Examined, filter: Section): Generator<Finding> {
  if (x.get(filter, "match") !== undefined || x.get(filter, "match_regex") !== undefined) return;
  yield findingAt("warn", "filter-without-match", filter, {
    found: "a filter without Match",
    consequence: "it does nothing",
    advice: "Match with the input's Tag, or remove the filter",
  });
}

function* grep(x: Examined, filter: Section): Generator<Finding> {
  if (x.plugin(filter) !== "grep") return;
  const alerts = new Set(alertInputs(x));
  // Where no input says that it is Wazuh's, the file is meant for it all the same.
  const streams = x.into(filter).filter(({ input }) => alerts.size === 0 || alerts.has(input));
  const any = (x.value(filter, "logical_op") ?? "legacy").toLowerCase() === "or";
  const rules = x.all(filter, "regex");
  const missing = rules.filter(({ value }) =>
    streams.some((stream) => {
      const shape = x.shape(stream, filter);
      const key = rootKey(value);
      if (shape.what === "unknown" || key === undefined) return false;
      return shape.what === "line" ? key !== shape.key : !shape.keys.has(key);
    }),
  );
  if (missing.length > 0 && (!any || missing.length === rules.length))
    for (const entry of missing)
      yield findingAt("fail", "grep-drops-all", entry, {
        found: `grep keeps only records with a key "${(rootKey(entry.value) ?? "").slice(0, 60)}", and an alert has none here`,
        consequence: "EVERY alert is dropped",
        advice: "remove this filter: what matters is decided behind it, by rule.level or by Tipline's match",
      });
  else if (streams.length > 0 && (rules.length > 0 || x.get(filter, "exclude") !== undefined))
    yield findingAt("warn", "grep-drops-some", rules[0] ?? x.get(filter, "exclude") ?? filter, {
      found: "grep lets only some alerts pass",
      consequence: "an indicator in a dropped alert is never found, whatever its level",
      advice: "send all to Tipline, and filter behind it",
    });
}

/** `message`, `$message` and `$data['x']` begin at the top with this key. */
function rootKey(rule: string): string | undefined {
  return /^\$?([^\s[\].]{1,200})/.exec(rule)?.[1];
}

function* script(x: Examined, filter: Section): Generator<Finding> {
  const entry = x.get(filter, "script");
  if (x.plugin(filter) !== "lua" || entry === undefined || isOpen(entry.value)) return;
  if (!isAbsolute(entry.value))
    yield findingAt("warn", "relative-path", entry, {
      found: "a relative path",
      consequence: "which file is run depends on the folder that Fluent Bit is started in",
      advice: "write the absolute path",
    });
  else if (!x.exists(entry.value))
    yield findingAt("fail", "script-missing", entry, {
      found: "the script is not on this machine",
      consequence: "Fluent Bit does not start",
      advice: "put it there, or correct the path",
    });
}
