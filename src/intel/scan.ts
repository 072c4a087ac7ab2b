/**
 * Finds observables in free text in one linear pass.
 *
 * Every way in which an observable's value can differ from the literal characters of the alert (a gate that reads raw bytes
 * must treat these as reasons to look closer):
 *  1. JSON string escapes, also escaped twice: `\u0026`, `\\u002e`, `\x2e`, `\/`, `\=` (refang)
 *  2. defanging: `[.] (.) {.} [dot] (dot) {dot} [:] [://] [/] [@] [at]` with an optional blank inside; `hxxp`, `hxtp`,
 *     `htxp`, `h**p`, `meow`, `fxp` before `://` (refang); all but the opening bracket may be percent-encoded, for 5 is followed by 2
 *  3. `&amp;`, `&#38;`, `&#x26;` (refang)
 *  4. dots U+3002 U+FF0E U+FF61 U+2024 U+FE52; U+00AD U+200B–U+200D U+2060 U+FEFF removed (refang)
 *  5. percent-encoding, up to twice, in words, in query strings and in the host of a URL (percentDecode, canonicalUrl)
 *  6. base64 behind PowerShell's `-enc…` or in a text that says `base64`, UTF-16LE or UTF-8, three levels (scan-command.ts)
 *  7. IDNA: non-ASCII letters in a host (canonicalHost); full-width letters and digits are mapped by it too
 *  8. case; trailing dot of hosts; IPv6 compression and `::ffff:`; colons and ASCII blanks in certificate fingerprints (canonical.ts)
 *  9. URLs: user name, default port, fragment, dot segments, needless percent-encoding, empty path; `host/path` without scheme
 *     in a URL field; host + path + scheme put together from several fields (extractors' derive)
 * 10. paths: separators, quotes, prefixes, well-known folders as variables, user name and drive lost: the last part of a
 *     path is always literal (but for case); registry keys: hive names, control sets, SID of a person as hkcu
 * 11. strings that are JSON objects themselves (`full_log`) are parsed: their escapes (`\n`, `\t`, `\"`, `\uXXXX`) are undone
 * 12. names put together from parts by extractors' derive: `(3)www(4)evil(7)example(0)` of Windows DNS logs, registry key + value
 *     name, scheme + host + port + path of a URL
 *     (as 9: parts of a request that stand apart, also where the document was flattened)
 * 13. ASN: digits only (`AS64500`, `AS64500 Example`); the port is split off (`1.2.3.4:443`, `1.2.3.4/443`)
 * 14. user agents: IIS's `+` for a blank (canonical.ts) · `\=`, `\|`, `\\` of CEF members (scan-record.ts)
 */
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import { canonicalize } from "./canonical.ts";
import { canonicalHost } from "./canonical-host.ts";
import { canonicalIp, portOf } from "./canonical-ip.ts";
import { parseUrl } from "./canonical-url.ts";
import { isPublicTld, isReverseName, looksLikeHost } from "./hosts.ts";
import { PERCENT, percentDecode, refang, survey } from "./refang.ts";
import { asciiEnd, authorityEnd, CLASS, classOf, digitsFrom } from "./scan-chars.ts";
import { isVersion, namesFile, namesId, namesUser, standsAsHost, wordBefore } from "./scan-context.ts";
import { addressAt } from "./scan-email.ts";
import { isParameter, isScheme, urlEnd } from "./scan-url.ts";

/** Characters of one string that are scanned; what follows is not looked at. */
export const MAX_SCANNED = 65_536;
/** URLs inside query strings inside URLs …: how deep. */
const MAX_DEPTH = 3;

/** Receives what was found: canonical value, spelling in the (undisguised) text, and the port beside it. */
export type Found = (type: ObservableType, value: CanonicalValue, seen: string, port?: number) => void;

/** What {@link survey} says of the text, or 0 when nothing can be found in it. */
export function worthScanning(text: string): number {
  return survey(text.length > MAX_SCANNED ? text.slice(0, MAX_SCANNED) : text);
}

/**
 * Scans the text; `field` is the name of the field it came from (it may say "version" or "session"); `bits` what
 * worthScanning() said, if asked before.
 */
export function scanText(text: string, found: Found, field = "", bits = worthScanning(text)): void {
  if (bits === 0) return;
  const bounded = text.length > MAX_SCANNED ? text.slice(0, MAX_SCANNED) : text;
  let clear = refang(bounded, bits);
  if ((bits & PERCENT) !== 0) clear = decodeWords(clear);
  new Scan(clear, found, field, 0).run();
}

/** Words that hold percent-encoding, decoded; a word with a literal `://` stays, because its URL is read as it stands. */
function decodeWords(text: string): string {
  if (!/%[0-9a-f]{2}/i.test(text)) return text;
  return text
    .split(/(\s+)/)
    .map((word) => (word.includes("%") && !word.includes("://") ? refang(decodeParameters(word)) : word))
    .join("");
}

/** Each parameter decoded by itself, so that what follows an encoded URL is not taken for a part of it. */
function decodeParameters(text: string): string {
  return text.includes("&") ? text.split("&").map(percentDecode).join("\n") : percentDecode(text);
}

class Scan {
  readonly #text: string;
  readonly #found: Found;
  readonly #field: string;
  readonly #depth: number;

  constructor(text: string, found: Found, field: string, depth: number) {
    this.#text = text;
    this.#found = found;
    this.#field = field;
    this.#depth = depth;
  }

  run(): void {
    const text = this.#text;
    const length = text.length;
    let at = 0;
    while (at < length) {
      const c = text.charCodeAt(at);
      let seen = c < 128 ? CLASS[c]! : classOf(text, at);
      if (seen === 0) {
        at = c === 58 ? this.#leadingColon(at) : at + 1;
        continue;
      }
      const start = at;
      for (at++; at < length; at++) {
        const next = text.charCodeAt(at);
        const kind = next < 128 ? CLASS[next]! : classOf(text, at);
        if (kind === 0) break;
        seen |= kind;
      }
      // Short words without a dot, before no colon or at sign, are all that most texts hold.
      if (at - start < 5 && (seen & 8) === 0 && text.charCodeAt(at) !== 58 && text.charCodeAt(at) !== 64) continue;
      at = this.#word(start, at, seen);
    }
  }

  /** `::1`: an IPv6 address that begins with colons. */
  #leadingColon(at: number): number {
    const text = this.#text;
    if (text.charCodeAt(at + 1) !== 58 || (at > 0 && (classOf(text, at - 1) & 39) !== 0)) return at + 1;
    return this.#ipv6(at) ?? at + 2;
  }

  /** One run of letters, digits, dots, hyphens and underscores; gives where to go on. */
  #word(start: number, end: number, seen: number): number {
    const text = this.#text;
    const next = text.charCodeAt(end);
    if (next === 58) {
      if (text.charCodeAt(end + 1) === 47 && text.charCodeAt(end + 2) === 47) {
        const past = this.#url(start, end);
        if (past !== undefined) return past;
      } else if ((seen & ~3) === 0 && end - start <= 4) {
        const past = this.#ipv6(start);
        if (past !== undefined) return past;
      }
    } else if (next === 64) {
      const past = this.#email(start, end);
      if (past !== undefined) return past;
    }
    let to = end;
    if ((seen & 8) !== 0) {
      while (to > start && (classOf(text, to - 1) & 24) !== 0) to--;
      const dot = text.indexOf(".", start);
      if (dot >= 0 && dot < to) return this.#dotted(start, end, seen);
    }
    if (to - start >= 32 && (seen & ~11) === 0) this.#hash(start, to, seen & 3);
    else if (to - start >= 5 && to - start <= 24) this.#label(start, to);
    return end;
  }

  #url(start: number, schemeEnd: number): number | undefined {
    const text = this.#text;
    const schemeStart = isScheme(text, start, schemeEnd);
    if (schemeStart === undefined) return undefined;
    const hostEnd = authorityEnd(text, schemeEnd + 3);
    const head = parseUrl(text.slice(schemeStart, hostEnd));
    if (head === undefined && asciiEnd(text, schemeEnd + 3, hostEnd) === hostEnd) return undefined;
    let end = urlEnd(text, schemeEnd + 3, isParameter(text, schemeStart));
    let parts = parseUrl(text.slice(schemeStart, end));
    if (parts === undefined || parts.host.includes("xn--")) {
      // Letters of another script that merely follow the URL are not part of it.
      const ascii = asciiEnd(text, schemeEnd + 3, end);
      const shorter = ascii < end ? parseUrl(text.slice(schemeStart, ascii)) : undefined;
      if (shorter !== undefined && !isPublicTld(lastLabel(parts?.host ?? ""))) {
        parts = shorter;
        end = ascii;
      }
    }
    if (parts !== undefined) this.#found("url", parts.url, text.slice(schemeStart, end), parts.port);
    const host = parts ?? head;
    if (host === undefined) return undefined;
    this.#urlHost(host.host, host.port);
    this.#nested(text.slice(schemeStart, end));
    return end;
  }

  #urlHost(host: string, port: number | undefined): void {
    const address = canonicalIp(host);
    if (address !== undefined) this.#found("ip", address, host, port);
    else {
      const name = canonicalHost(host);
      if (name !== undefined && !isReverseName(name)) this.#found("domain", name, host, port);
    }
  }

  /** URLs and hosts in the query string of a URL (or whole URLs in its path). */
  #nested(url: string): void {
    if (this.#depth >= MAX_DEPTH) return;
    const question = url.search(/[?#]/);
    const path = url.indexOf("://") + 3;
    const inPath = url.includes("://", path) || /%3a(?:%2f|\/)/i.test(url);
    const slash = inPath ? url.indexOf("/", path) : -1;
    const from = slash < 0 ? question : slash;
    if (from < 0) return;
    const rest = url.slice(from);
    if (!/[.:%]|[0-9a-f]{32}/i.test(rest)) return;
    new Scan(refang(decodeParameters(rest)), this.#found, "", this.#depth + 1).run();
  }

  #ipv6(start: number): number | undefined {
    const text = this.#text;
    let end = start;
    let colons = 0;
    let doubled = false;
    let digits = 0;
    while (end < text.length && end - start < 46) {
      const c = text.charCodeAt(end);
      if (c === 58) {
        colons++;
        doubled ||= text.charCodeAt(end + 1) === 58;
      } else if (c > 127 || (CLASS[c]! & 3) === 0) {
        if (c !== 46) break;
      } else if (c < 58) digits++;
      end++;
    }
    while (
      end > start &&
      (text.charCodeAt(end - 1) === 46 || (text.charCodeAt(end - 1) === 58 && text.charCodeAt(end - 2) !== 58))
    ) {
      end--;
    }
    if ((colons < 6 && !doubled) || digits === 0 || (end < text.length && (classOf(text, end) & 39) !== 0))
      return undefined;
    const written = text.slice(start, end);
    const address = canonicalIp(written);
    if (address === undefined || address === "::" || written.endsWith("::") || isEui64(written)) return undefined;
    const port = text.charCodeAt(start - 1) === 91 && text.startsWith("]:", end) ? this.#port(end + 2) : undefined;
    this.#found("ip", address, written, port);
    return end;
  }

  #email(start: number, at: number): number | undefined {
    const address = addressAt(this.#text, start, at, this.#field);
    if (address?.value !== undefined) this.#found("email", address.value, address.written);
    return address?.end;
  }

  /** A run with dots: an address, a range of two addresses, or a host. */
  #dotted(start: number, end: number, seen: number): number {
    const text = this.#text;
    let from = start;
    let to = end;
    while (to > from && (classOf(text, to - 1) & 24) !== 0) to--;
    while (from < to && (classOf(text, from) & 24) !== 0) from++;
    if (to - from < 4) return end;
    if ((seen & ~9) === 0 && from === start) return this.#ipv4(from, to, end);
    const written = text.slice(from, to);
    const range = (seen & 38) === 0 ? rangeOf(written) : undefined;
    if (range !== undefined) {
      for (const address of range) this.#emitIp(address, undefined);
    } else if ((seen & 38) !== 0) this.#host(from, to, written, seen);
    return end;
  }

  #ipv4(start: number, to: number, end: number): number {
    const text = this.#text;
    const written = text.slice(start, to);
    if (canonicalIp(written) === undefined || isVersion(text, start, to, this.#field)) return end;
    const next = text.charCodeAt(to);
    if (next === 47 && isNetwork(written, digitsFrom(text, to + 1))) return end;
    const port = next === 58 || next === 47 || next === 35 || next === 40 ? this.#port(to + 1) : undefined;
    this.#emitIp(written, port);
    return end;
  }

  #emitIp(written: string, port: number | undefined): void {
    const address = canonicalIp(written);
    if (address !== undefined) this.#found("ip", address, written, port);
  }

  #host(start: number, end: number, written: string, seen: number): void {
    const text = this.#text;
    const ascii = (seen & 32) === 0;
    if (ascii && !isPublicTld(lastLabel(written).toLowerCase())) return;
    if (!standsAsHost(text, start, end)) return;
    const next = text.charCodeAt(end);
    const port = next === 58 ? this.#port(end + 1) : undefined;
    const inPath = next === 47 && (classOf(text, end + 1) & 7) !== 0 && text.charCodeAt(start - 1) !== 47;
    const located = port !== undefined ? "port" : inPath ? "path" : undefined;
    const name = canonicalHost(written);
    if (name !== undefined && !isReverseName(name) && looksLikeHost(ascii ? written : name, located)) {
      const other =
        located === undefined && (namesFile(wordBefore(text, start, this.#field)) || namesUser(text, start));
      if (!other) this.#found("domain", name, written, port);
    } else if (!ascii) this.#asciiHost(written);
  }

  /** A host with letters of another script glued to it. */
  #asciiHost(written: string): void {
    for (const piece of written.split(/[^\x21-\x7e]+/)) {
      if (!piece.includes(".") || !looksLikeHost(piece, undefined)) continue;
      const name = canonicalHost(piece);
      if (name !== undefined && !isReverseName(name)) this.#found("domain", name, piece);
    }
  }

  #hash(start: number, end: number, seen: number): void {
    // Digits alone are a number; 32 letters alone are rather a word of some alphabet.
    if (seen === 1 || (seen === 2 && end - start < 40)) return;
    const written = this.#text.slice(start, end);
    const word = wordBefore(this.#text, start, this.#field);
    const type = hashType(word, end - start);
    const named = /md5|sha|hash/.test(word);
    if (type === undefined || (!named && (namesId(word) || this.#depth > 0))) return;
    const before = this.#text.charCodeAt(start - 1);
    // Part of a path or of a resource name (`…:detector/07cd…/finding/…`).
    if (before === 47 || before === 92) return;
    const value = canonicalize(type, written);
    if (value !== undefined) this.#found(type, value, written);
  }

  /** `CVE-2021-44228`, `AS64500`. */
  #label(start: number, end: number): void {
    const text = this.#text;
    const second = text.charCodeAt(start + 1);
    if ((second | 32) === 118) {
      const cve = canonicalize("cve", text.slice(start, end));
      if (cve !== undefined) this.#found("cve", cve, text.slice(start, end));
    } else if (second === 83 && text.charCodeAt(start) === 65) {
      const written = text.slice(start, end);
      if (!/^AS\d{3,10}$/.test(written) || written === "AS400") return;
      const asn = canonicalize("asn", written);
      if (asn !== undefined) this.#found("asn", asn, written);
    }
  }

  #port(at: number): number | undefined {
    const digits = digitsFrom(this.#text, at);
    const next = this.#text.charCodeAt(at + digits.length);
    return (classOf(this.#text, at + digits.length) & 36) !== 0 && next < 128 ? undefined : portOf(digits);
  }
}

/** Both ends of `1.2.3.4-1.2.3.9`; none of `10.0.0.0-10.255.255.255`, which is a network. */
function rangeOf(written: string): readonly string[] | undefined {
  const dash = written.indexOf("-");
  if (dash < 7) return undefined;
  const ends = [written.slice(0, dash), written.slice(dash + 1)] as const;
  if (ends.some((end) => canonicalIp(end) === undefined)) return undefined;
  return ends[0].endsWith(".0") && ends[1].endsWith(".255") ? [] : ends;
}

/** `10.0.0.0/8`: a network, not an address. `10.0.0.7/8` is an address with its mask or port. */
function isNetwork(address: string, digits: string): boolean {
  const bits = Number(digits);
  if (digits === "" || bits > 31) return false;
  const number = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return number % 2 ** (32 - bits) === 0;
}

/** Eight pairs of hex digits are a hardware address (EUI-64), not IPv6. */
function isEui64(written: string): boolean {
  return written.length === 23 && /^(?:[0-9a-f]{2}:){7}[0-9a-f]{2}$/i.test(written);
}

function lastLabel(host: string): string {
  return host.slice(host.lastIndexOf(".") + 1);
}

const HASH_TYPES: Readonly<Record<number, ObservableType>> = {
  32: "md5",
  40: "sha1",
  56: "sha224",
  64: "sha256",
  96: "sha384",
  128: "sha512",
};

/** `tls.fingerprint`, `SHA1 Fingerprint`, `thumbprint`; a device's, a browser's or a key's fingerprint is an id. */
const CERTIFICATE_PRINT =
  /^(?:[a-z0-9_.-]{0,32}(?:cert(?:ificate)?|tls|ssl|x509|sha-?_?(?:1|256)|server|client|leaf|issuer|peer)[_. -]?)?fingerprint|thumbprint/;

/** The type that the word before a hash names, else the one of its length; undefined when it names none of them. */
export function hashType(word: string, length: number): ObservableType | undefined {
  if (length === 32 && word.endsWith("imphash")) return "imphash";
  if (length === 32 && /ja3s?(?:$|[_.-]|hash|digest|md5|fingerprint)/.test(word)) return "ja3";
  if (/fingerprint|thumbprint/.test(word)) return CERTIFICATE_PRINT.test(word) ? "x509" : undefined;
  return HASH_TYPES[length];
}
