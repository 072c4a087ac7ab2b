/**
 * Values in free text as a list gives them: prose, tables, one value a line. Finds what MISP's freetext import finds, by the noise
 * rules that our own scanner of alerts has. Unlike there, the host of a URL is not a value by itself: the list did not say it.
 */
import { canonicalize } from "./canonical.ts";
import { splitPort } from "./canonical-ip.ts";
import { isReverseName, looksLikeHost } from "./hosts.ts";
import { detectType, type ListType } from "./list-lines.ts";
import { MAX_VALUE } from "./misp-attribute.ts";
import { refang } from "./refang.ts";
import { hashType } from "./scan.ts";
import { isVersion, namesFile, namesId, namesUser, standsAsHost, wordBefore } from "./scan-context.ts";
import { isScheme, urlEnd } from "./scan-url.ts";

/** A value as it stands in the text, disguises undone, and what it is by its looks. */
export interface FreetextValue {
  readonly value: string;
  readonly type: Exclude<ListType, "auto">;
}

/** Runs without blanks, quotes, angle brackets and bars. */
const WORD = /[^\s"'`<>|\u00a0]+/g;
/** What else stands between values; a URL may hold these. */
const PIECE = /[^,;]+/g;
const SHORTEST = 4;
/** `md5:`, `ip=`: says what follows. */
const LABEL = /^[a-z][a-z0-9_-]{1,15}[:=]/i;

/** The values of one line, left to right. Linear in its length; words of more than 8,192 characters are passed over. */
export function* freetextValues(line: string): Generator<FreetextValue> {
  const whole = soleUrl(line);
  if (whole !== undefined) return yield { value: whole, type: "url" };
  // Markup, not the comparison of versions that it is in alerts.
  const around = line.replace(/[<>]/g, " ");
  for (const match of line.matchAll(WORD)) {
    const [word] = match;
    if (word.length < SHORTEST || word.length > MAX_VALUE) continue;
    const clear = refang(word);
    const sole = word.length === line.length;
    const behind = clear.includes("://") ? yield* urlIn(clear) : 0;
    for (const piece of clear.slice(behind).matchAll(PIECE)) {
      // Where words were undisguised, places in the line are no longer known; what stands before the word is.
      const at = match.index + (clear === word ? behind + piece.index : 0);
      const found = readPiece(piece[0], around, at, sole && piece[0].length === clear.length);
      if (found !== undefined) yield found;
    }
  }
}

/** A line that is one URL is taken whole but for a mark at its end, odd characters and all. */
function soleUrl(line: string): string | undefined {
  if (line.length > MAX_VALUE || !line.includes("://") || /[\s"<>]/.test(line)) return undefined;
  const clear = refang(line);
  const colon = clear.indexOf("://");
  if (isScheme(clear, 0, colon) !== 0 || /[,;|]https?:\/\//i.test(clear)) return undefined;
  let end = clear.length;
  while (end > 0 && ".,;".includes(clear[end - 1]!)) end--;
  return clear.slice(0, end);
}

/** The URL of a word, if it has one; gives where the rest of the word begins. */
function* urlIn(word: string): Generator<FreetextValue, number> {
  const colon = word.indexOf("://");
  let wordStart = colon;
  while (wordStart > 0 && /[a-z0-9+.-]/i.test(word[wordStart - 1]!) && colon - wordStart < 16) wordStart--;
  const start = isScheme(word, wordStart, colon);
  if (start === undefined) return word.length;
  const end = urlEnd(word, colon + 3);
  yield { value: word.slice(start, end), type: "url" };
  return end;
}

function readPiece(written: string, line: string, at: number, sole: boolean): FreetextValue | undefined {
  const bare = trimmed(written);
  const labelled = typeOf(bare) === undefined ? LABEL.exec(bare) : null;
  const value = labelled === null ? bare : trimmed(bare.slice(labelled[0].length));
  if (value.length < SHORTEST) return undefined;
  const start = at + Math.max(0, written.indexOf(value));
  const type = typeOf(value);
  if (type === undefined) return undefined;
  return sole || stands(value, type, line, start) ? { value, type } : undefined;
}

/** Without the marks of a sentence around it; brackets of an IPv6 address with a port stay. */
function trimmed(piece: string): string {
  if (/^\[[0-9a-f:.]{2,45}\]:\d{1,5}$/i.test(piece)) return piece;
  let from = 0;
  let to = piece.length;
  while (from < to && "([{=*.:!?".includes(piece[from]!)) from++;
  while (to > from && ")]}=*.:!?".includes(piece[to - 1]!)) to--;
  return piece.slice(from, to);
}

function typeOf(value: string): FreetextValue["type"] | undefined {
  const { host, port } = splitPort(value);
  const type = detectType(port === undefined ? value : host);
  if (type === "url" && !value.includes("://") && !isUrlWithoutScheme(value)) return undefined;
  return type;
}

/** `evil.example/gate.php` and `198.51.100.7:8080/x`, but no `and/or`, `2026/11/20`, `text/plain`. */
function isUrlWithoutScheme(value: string): boolean {
  const { host } = splitPort(value.slice(0, value.indexOf("/")));
  return (
    canonicalize("ip", host) !== undefined ||
    (looksLikeHost(host, "path") && canonicalize("domain", host) !== undefined)
  );
}

/** Whether what is around the value lets it be one: not a version, not an id, not a file's or a person's name. */
function stands(value: string, type: FreetextValue["type"], line: string, start: number): boolean {
  const end = start + value.length;
  const { host, port } = splitPort(value);
  switch (type) {
    case "ip":
      return value.includes("/") || !isVersion(line, start, start + host.length, "");
    case "domain": {
      const located = port === undefined ? undefined : "port";
      if (isReverseName(host.toLowerCase()) || !looksLikeHost(host, located) || !standsAsHost(line, start, end))
        return false;
      return located !== undefined || !(namesFile(wordBefore(line, start, "")) || namesUser(line, start));
    }
    case "md5":
    case "sha1":
    case "sha224":
    case "sha256":
    case "sha384":
    case "sha512": {
      const word = wordBefore(line, start, "");
      return (
        !/^\d+$/.test(value) && hashType(word, value.length) === type && (/md5|sha|hash/.test(word) || !namesId(word))
      );
    }
    default:
      return true;
  }
}
