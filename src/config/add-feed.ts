import { isDeepStrictEqual } from "node:util";
import { Document, isMap, isPair, isScalar, LineCounter, type Node, parseDocument, visit, type YAMLMap } from "yaml";
import { TiplineError } from "../lib/errors.ts";

/** A feed's settings as they go into the file, `type` included. */
export type NewFeed = Readonly<Record<string, unknown>>;

/**
 * The configuration with `feed` as the last of its feeds. Every other byte stays as it was where `feeds:` is written over several
 * lines or absent; one on a single line (`feeds: {…}`) is written anew, and comments stay. Throws TIP_CONFIG_INVALID for a text
 * that is no configuration, or that has the name or the URL already.
 */
export function addFeed(text: string, name: string, feed: NewFeed): string {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(`${error.message} (line ${lines.linePos(error.pos[0]).line})`);
  if (document.contents !== null && !isMap(document.contents))
    throw invalid("expected keys and values, found something else");
  refuseDoubles(document, name, feed);
  const feeds = document.get("feeds", true);
  const pair = isMap(document.contents) ? pairOf(document.contents, "feeds") : undefined;
  const block = isMap(feeds) && feeds.flow !== true && feeds.items.length > 0 ? feeds : undefined;
  const spliced =
    pair === undefined ? append(text, name, feed) : block === undefined ? undefined : insert(text, block, name, feed);
  return spliced !== undefined && says(spliced, document, name, feed) ? spliced : rewrite(document, name, feed);
}

/** The new text means what the old one did, and the feed. */
function says(text: string, before: Document, name: string, feed: NewFeed): boolean {
  const old = (before.toJS({ maxAliasCount: 100 }) ?? {}) as { readonly feeds?: object };
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) return false;
  const wanted = { ...old, feeds: { ...old.feeds, [name]: feed } };
  return isDeepStrictEqual(document.toJS({ maxAliasCount: 100 }), wanted);
}

function refuseDoubles(document: Document, name: string, feed: NewFeed): void {
  const feeds = document.get("feeds", true);
  if (!isMap(feeds)) return;
  if (feeds.has(name)) throw invalid(`a feed named ${name} is configured already (--as gives another name)`);
  for (const item of feeds.items) {
    if (!isMap(item.value) || typeof feed["url"] !== "string") continue;
    const { url } = item.value.toJS(document) as { readonly url?: unknown };
    if (typeof url === "string" && sameUrl(url, feed["url"]))
      throw invalid(`the feed ${isScalar(item.key) ? String(item.key.value) : "?"} has this URL already`);
  }
}

function sameUrl(one: string, other: string): boolean {
  return one.replace(/\/{1,8}$/, "") === other.replace(/\/{1,8}$/, "");
}

/** Behind the last feed, with the indentation of its siblings. */
function insert(text: string, feeds: YAMLMap, name: string, feed: NewFeed): string {
  const first = feeds.items[0]?.key as Node | undefined;
  const start = first?.range?.[0] ?? 0;
  const indent = start - (text.lastIndexOf("\n", start - 1) + 1);
  const at = endOfContent(text, feeds, indent);
  return splice(text, at, rendered(name, feed, " ".repeat(indent), stepOf(text, feeds, indent)));
}

/** The end of the line on which the last feed ends: comments and blank lines behind it belong to what follows. */
function endOfContent(text: string, feeds: YAMLMap, indent: number): number {
  const end = feeds.range?.[1] ?? text.length;
  // A comment that is as far in as the feeds is one of theirs (a feed that is commented out, say).
  let at = lineEnd(text, Math.max(0, text[end - 1] === "\n" ? end - 1 : end));
  for (let next = at; next < text.length; ) {
    const to = lineEnd(text, next);
    const line = text.slice(next, to);
    const comment = /^( *)#/.exec(line);
    if (comment?.[1] !== undefined && comment[1].length >= indent) at = to;
    else if (line.trim() !== "") break;
    next = to;
  }
  return at;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end + 1;
}

function append(text: string, name: string, feed: NewFeed): string {
  // Nothing may follow the end mark of a document.
  const end = /(?:^|\n)\.\.\.[ \t]*(?:\r?\n|$)/.exec(text);
  const at = end === null ? text.length : end.index + (text[end.index] === "\n" ? 1 : 0);
  return splice(text, at, `feeds:\n${rendered(name, feed, "  ")}`);
}

function splice(text: string, at: number, piece: string): string {
  const before = text.slice(0, at);
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const head = before === "" || before.endsWith("\n") ? before : `${before}${newline}`;
  return head + piece.replaceAll("\n", newline) + text.slice(at);
}

function rewrite(document: Document, name: string, feed: NewFeed): string {
  if (!isMap(document.get("feeds", true))) document.set("feeds", document.createNode({}));
  const feeds = document.get("feeds", true) as YAMLMap;
  feeds.flow = false;
  feeds.set(name, document.createNode(feed));
  return document.toString({ lineWidth: 0 });
}

/** The feed as text; `step`: how much further in its keys are. */
function rendered(name: string, feed: NewFeed, indent: string, step = 2): string {
  const node = new Document({ [name]: feed });
  // `value_column: [3, 4]` reads better than a line for each.
  visit(node, {
    Seq(_key, seq) {
      seq.flow = true;
    },
  });
  return node
    .toString({ lineWidth: 0, indent: step, flowCollectionPadding: false })
    .split("\n")
    .map((line) => (line === "" ? line : indent + line))
    .join("\n");
}

/** How much further in than its name the keys of the first feed are; 2 where that does not show. */
function stepOf(text: string, feeds: YAMLMap, indent: number): number {
  const value = feeds.items[0]?.value;
  const start = isMap(value) && value.flow !== true ? value.range?.[0] : undefined;
  if (start === undefined) return 2;
  const step = start - (text.lastIndexOf("\n", start - 1) + 1) - indent;
  return step >= 1 && step <= 8 ? step : 2;
}

function pairOf(map: YAMLMap, key: string) {
  return map.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
}

function invalid(message: string): TiplineError {
  return new TiplineError("TIP_CONFIG_INVALID", message);
}
