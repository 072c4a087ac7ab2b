import { formatCount } from "../lib/units.ts";
import type { Finding } from "../model/finding.ts";
import { factsOf } from "./webhook-facts.ts";
import { type Chat, code, neutral, oneLine, safeLink } from "./webhook-text.ts";

/** One request as a person or a program is to see it. */
export interface NoticeView {
  readonly id: string;
  /** Of the notice or digest; its parts have an `id` each. */
  readonly message: string;
  readonly kind: "notice" | "digest";
  readonly createdAt: number;
  readonly part: number;
  readonly parts: number;
  /** Ids that this part lists. */
  readonly ids: readonly string[];
  readonly count: number;
  readonly unlisted: number;
  readonly finding?: Finding;
  readonly summary?: {
    readonly groups: number;
    readonly top: readonly { readonly label: string; readonly count: number; readonly score: number }[];
    readonly from: number;
    readonly to: number;
  };
}

/** How a receiver writes things; `say` and `code` make foreign text harmless there. */
interface Style {
  bold(own: string): string;
  say(foreign: string): string;
  code(foreign: string, most?: number): string;
  link(url: string): string;
}

const OPEN = "Open in MISP";

const STYLES: Readonly<Record<Chat | "plain", Style>> = {
  slack: {
    bold: (own) => `*${own}*`,
    say: (foreign) => neutral(foreign, "slack"),
    code: (foreign, most) => code(foreign, "slack", most),
    link: (url) => `<${url.replaceAll("&", "&amp;")}|${OPEN}>`,
  },
  mattermost: {
    bold: (own) => `**${own}**`,
    say: (foreign) => neutral(foreign, "mattermost"),
    code: (foreign, most) => code(foreign, "mattermost", most),
    link: (url) => `[${OPEN}](${url})`,
  },
  teams: {
    bold: (own) => own,
    say: (foreign) => neutral(foreign, "teams"),
    code: (foreign, most) => neutral(foreign, "teams", most),
    link: (url) => `${OPEN}: ${url}`,
  },
  plain: {
    bold: (own) => own,
    say: (foreign) => oneLine(foreign, 300),
    code: (foreign, most = 300) => oneLine(foreign, most),
    link: (url) => `${OPEN}: ${url}`,
  },
};

/** A view as lines of text. */
export interface ViewText {
  readonly title: string;
  readonly lines: readonly string[];
  readonly link?: string;
  /** The ids, as many as the view lists; empty when it lists none. */
  readonly ids: string;
}

/** The words for a view, in the markup of `chat` (default: none, and foreign text as it is but on one line). */
export function textOf(view: NoticeView, chat?: Chat): ViewText {
  const style = STYLES[chat ?? "plain"];
  const ids = view.ids.length === 0 ? "" : style.code(view.ids.join(" "), view.ids.join(" ").length);
  return { ...(view.kind === "notice" ? noticeText(view, style) : digestText(view, style)), ids };
}

/** All of it in one text. */
export function wholeText(view: NoticeView, chat?: Chat): string {
  const { title, lines, link, ids } = textOf(view, chat);
  const style = STYLES[chat ?? "plain"];
  const last = [...(link === undefined ? [] : [style.link(link)]), ...(ids === "" ? [] : [`findings: ${ids}`])];
  return [title, ...lines, ...last].join("\n");
}

function noticeText(view: NoticeView, style: Style): Omit<ViewText, "ids"> {
  const { finding, count } = view;
  if (finding === undefined) return { title: style.bold("Tipline"), lines: [] };
  const { heading, value, where, lines, link } = factsOf(finding);
  const clickable = safeLink(link);
  const title = [style.bold(`Tipline: ${style.say(heading)}`)];
  if (value !== undefined) title.push(style.code(value));
  if (where !== undefined) title.push(`on ${style.code(where, 100)}`);
  const more = count > 1 ? [`${formatCount(count)} findings of this group so far`] : [];
  return {
    title: title.join(" "),
    lines: [...lines.map(([label, text]) => `${label}: ${style.code(text)}`), ...more, ...unlisted(view, style)],
    ...(clickable === undefined ? {} : { link: clickable }),
  };
}

function digestText(view: NoticeView, style: Style): Omit<ViewText, "ids"> {
  const { part, parts, count, summary, message } = view;
  const ofParts = parts > 1 ? `, part ${part} of ${parts}` : "";
  if (part > 1 || summary === undefined)
    return { title: style.bold(`Tipline digest ${style.say(message)}${ofParts}`), lines: [] };
  const { groups, top, from, to } = summary;
  const left = groups - top.length;
  return {
    title: style.bold(`Tipline: ${formatCount(count)} more findings, in ${formatCount(groups)} groups`),
    lines: [
      `alerts of ${minute(from)} to ${minute(to)} UTC; digest ${style.say(message)}${ofParts}`,
      ...top.map(
        (group) =>
          `- ${style.code(group.label, 160)}: ${formatCount(group.count)}${group.score > 0 ? `, score ${group.score}` : ""}`,
      ),
      ...(left > 0 ? [`- and ${formatCount(left)} groups more`] : []),
      ...unlisted(view, style),
    ],
  };
}

function unlisted({ unlisted: count, message }: NoticeView, style: Style): string[] {
  if (count === 0) return [];
  return [`${formatCount(count)} findings are not listed here: ${style.code(`tipline notices show ${message}`)}`];
}

/** `2026-11-21 10:00` */
function minute(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString().slice(0, 16).replace("T", " ") : "?";
}
