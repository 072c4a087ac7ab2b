import { toUSVString } from "node:util";

/** Whose markup a text must not become. */
export type Chat = "slack" | "mattermost" | "teams";

/** Control and format characters (line ends, bidirectional overrides, zero width), and separators other than the space. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]+/gu;

/** Foreign text as one line of at most `most` characters. */
export function oneLine(text: string, most: number): string {
  // Cut first: what follows need not be looked at.
  const line = toUSVString(text.slice(0, most * 4))
    .replace(UNSEEN, " ")
    .trim();
  if (line.length <= most && text.length <= most * 4) return line;
  return `${toUSVString(line.slice(0, most - 1)).replace(/\u{fffd}$/u, "")}…`;
}

/**
 * Written so that no program makes a link or a mention of it, and a person still knows what is meant: `hxxp[:]//evil[.]example`,
 * `user[@]evil[.]example`.
 */
export function defanged(text: string): string {
  return text
    .replace(/\bh(?:tt|xx)p(s?):/gi, "hxxp$1:")
    .replace(/:(?=\/\/)/g, "[:]")
    .replace(/(?<=[\p{L}\p{N}_-])\.(?=[\p{L}\p{N}_-])/gu, "[.]")
    .replace(/@/g, "[@]");
}

/** Foreign text for a chat: no mention, no link, no markup, one line. */
export function neutral(text: string, chat: Chat, most = 300): string {
  const safe = defanged(oneLine(text, most)).replaceAll("`", "'").replaceAll("](", "] (").replaceAll("![", "! [");
  if (chat === "slack") return safe.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return safe.replaceAll("<", "‹").replaceAll(">", "›").replaceAll("|", "¦");
}

/** Foreign text in code marks, within which the chat sees no markup. */
export function code(text: string, chat: Chat, most?: number): string {
  const safe = neutral(text, chat, most);
  return safe === "" ? "–" : `\`${safe}\``;
}

const MOST_LINK = 1000;

/** A link that may be clicked: http or https, without credentials, and without characters that would end it in a chat's markup. */
export function safeLink(link: string | undefined): string | undefined {
  if (link === undefined || link.length > MOST_LINK || !URL.canParse(link)) return undefined;
  const url = new URL(link);
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return undefined;
  return url.href.replace(/[|()[\]*_`<>"'\\\s]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
