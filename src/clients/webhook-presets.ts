import { type Finding, isRedacted } from "../model/finding.ts";
import { blockJson, cleanBlock } from "./misp-block.ts";
import { cutBytes, trimBlock } from "./misp-trim.ts";
import { type Chat, oneLine, safeLink } from "./webhook-text.ts";
import { type NoticeView, textOf, wholeText } from "./webhook-view.ts";

export const PRESETS = ["standard", "slack", "mattermost", "teams"] as const;
export type PresetName = (typeof PRESETS)[number];

/** What a kind of receiver takes. */
export interface Preset {
  /** Whose markup is neutralised; undefined for programs. */
  readonly chat?: Chat;
  /** Bytes of a body. Slack cuts a text at 40,000 characters, Mattermost at 16,383; Teams takes 28 KB; Standard Webhooks advises 20 KB. */
  readonly maxBody: number;
  body(view: NoticeView): unknown;
}

const RESERVE = 7000;

export const PRESET: Readonly<Record<PresetName, Preset>> = {
  standard: { maxBody: 20_000, body: standardBody },
  slack: {
    chat: "slack",
    maxBody: 36_000,
    // Without these two Slack's own servers would fetch what a text seems to link to.
    body: (view) => ({ text: wholeText(view, "slack"), unfurl_links: false, unfurl_media: false }),
  },
  mattermost: { chat: "mattermost", maxBody: 16_000, body: (view) => ({ text: wholeText(view, "mattermost") }) },
  teams: { chat: "teams", maxBody: 25_000, body: teamsBody },
};

function standardBody(view: NoticeView): unknown {
  const { kind, message, createdAt, ids, count, unlisted, part, parts, finding, summary } = view;
  const common = { count, unlisted, part, parts, finding_ids: ids };
  const timestamp = new Date(createdAt).toISOString();
  if (kind === "notice")
    return { type: "tipline.finding", timestamp, data: { notice: message, ...common, ...ofFinding(finding) } };
  const { groups, top, from, to } = summary ?? { groups: 0, top: [], from: createdAt, to: createdAt };
  const head =
    part > 1
      ? {}
      : {
          groups,
          from: isoOf(from),
          to: isoOf(to),
          top: top.map((group) => ({ ...group, label: oneLine(group.label, 160) })),
        };
  return { type: "tipline.digest", timestamp, data: { digest: message, ...common, ...head } };
}

/** Of a redacted finding nothing but its link; its id is among `finding_ids`. */
function ofFinding(finding: Finding | undefined): object {
  if (finding === undefined) return {};
  const link = safeLink(finding.misp.link);
  if (isRedacted(finding)) return { redacted: true, ...(link === undefined ? {} : { link }) };
  const { alert, kind, mode } = finding;
  const { id, node, time, source, agent, location, rule } = alert;
  return {
    kind,
    mode,
    misp: mispOf(finding),
    alert: {
      id: oneLine(id, 100),
      time: isoOf(time),
      source,
      node: oneLine(node, 200),
      ...(agent === undefined
        ? {}
        : {
            agent: {
              id: oneLine(agent.id, 100),
              name: oneLine(agent.name ?? "", 200),
              ip: oneLine(agent.ip ?? "", 100),
            },
          }),
      ...(rule === undefined
        ? {}
        : { rule: { id: oneLine(rule.id, 100), level: rule.level, description: oneLine(rule.description, 500) } }),
      ...(location === undefined ? {} : { location: oneLine(location, 300) }),
    },
  };
}

function mispOf({ misp }: Finding): unknown {
  const block = cleanBlock(misp);
  const most = PRESET.standard.maxBody - RESERVE;
  if (trimBlock(block, most, 4096)) return JSON.parse(blockJson(block));
  // Only text made of nothing but control characters comes here: each takes six bytes in JSON.
  const { event_id, category, type, value, finding_id, score, band } = misp;
  return {
    event_id,
    category,
    type,
    value: cutBytes(oneLine(value, 1000), 1000),
    score,
    band,
    finding_id,
    truncated: "all",
  };
}

const CARD = "http://adaptivecards.io/schemas/adaptive-card.json";

/** Foreign text is in text runs only: Teams reads no Markdown in them. */
function teamsBody(view: NoticeView): unknown {
  const { title, lines, link, ids } = textOf(view, "teams");
  const run = (text: string, more: object = {}) => ({
    type: "RichTextBlock",
    inlines: [{ type: "TextRun", text, ...more }],
  });
  const body = [
    run(title, { weight: "Bolder", size: "Medium" }),
    ...lines.map((line) => run(line)),
    ...(ids === "" ? [] : [run(`findings: ${ids}`, { size: "Small", isSubtle: true })]),
  ];
  const actions = link === undefined ? {} : { actions: [{ type: "Action.OpenUrl", title: "Open in MISP", url: link }] };
  const content = { $schema: CARD, type: "AdaptiveCard", version: "1.4", body, ...actions };
  return {
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
  };
}

function isoOf(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : "";
}
