import type { Finding, FindingAlert } from "../model/finding.ts";

/**
 * A finding without its alert's line: what is kept of a repeat until its window ends. Without its attributes too: what is made of
 * it speaks for alerts that were told of before.
 */
export type Template = Omit<Finding, "alert" | "attributes"> & { readonly alert: Omit<FindingAlert, "raw"> };

export function toTemplate(finding: Finding): Template {
  const { alert: whole, attributes: __, ...rest } = finding;
  const { raw: _, ...alert } = whole;
  return { ...rest, alert };
}

/** The count of what was held back, told as the worst of it; `time` is that of the last one. */
export function repeatsFinding(
  template: Template,
  {
    id,
    count,
    time,
    quiet,
  }: { readonly id: string; readonly count: number; readonly time: number; readonly quiet: boolean },
): Finding {
  const { misp } = template;
  return {
    ...template,
    id,
    kind: "repeats",
    alert: withLine({ ...template.alert, time }),
    misp: { ...misp, repeat_count: String(count), ...(quiet ? { quiet: "spread" } : {}), finding_id: id },
  };
}

/** One loud finding for an indicator that shows on very many entities, told by the alert that made it too many. */
export function spreadFinding(trigger: Finding, id: string, entities: number): Finding {
  const template = toTemplate(trigger);
  return {
    ...template,
    id,
    kind: "spread",
    alert: withLine(template.alert),
    misp: { ...trigger.misp, entities_count: String(entities), finding_id: id },
  };
}

/** A new entity while a spread is told of: it goes out whole and marked, so that a rule can lower it. */
export function quietFinding(finding: Finding, entities: number): Finding {
  return { ...finding, misp: { ...finding.misp, quiet: "spread", entities_count: String(entities) } };
}

/** These findings speak for many alerts, so that their line is a short one of our own in the shape of an alert. */
function withLine(alert: Omit<FindingAlert, "raw">): FindingAlert {
  const { id, agent, rule, location, time } = alert;
  const timestamp = Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : undefined;
  return { ...alert, raw: JSON.stringify({ timestamp, rule, agent, id: id === "" ? undefined : id, location }) };
}
