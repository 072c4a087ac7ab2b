import type { CanonicalValue } from "../model/observable.ts";
import { hostName } from "./canonical-host.ts";
import { canonicalIp, portOf } from "./canonical-ip.ts";
import { refang } from "./refang.ts";

/** Longer URLs are refused. */
const MAX_URL = 8_192;
const SCHEME = /^([a-z][a-z0-9+.-]{1,15}):\/{2,3}/i;
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ftp: 21,
  ws: 80,
  wss: 443,
  ssh: 22,
  ldap: 389,
};

/** The parts of a URL that matching needs; `host` is canonical (a name, an address, or a single label). */
export interface UrlParts {
  readonly url: CanonicalValue;
  readonly scheme: string;
  readonly host: string;
  readonly port?: number;
  /** Path and query as they stand in `url`. */
  readonly path: string;
}

/**
 * A URL with scheme and host in lower case; user name, password, default port and fragment dropped; dot segments removed;
 * needless percent-encoding undone, spaces and non-ASCII encoded; an empty path as `/`. `hxxp` and `[.]` are refanged.
 * `host/path` without a scheme is taken as http. The case of path and query stays.
 */
export function canonicalUrl(raw: string): CanonicalValue | undefined {
  return parseUrl(raw)?.url;
}

export function parseUrl(raw: string): UrlParts | undefined {
  let parts = parseOnce(raw);
  // What is undone may show a further disguise below (`[%2E]`): go on until nothing changes, refuse what never settles.
  for (let i = 0; parts !== undefined && /[[({&%]/.test(parts.path); i++) {
    const again = parseOnce(parts.url);
    if (again === undefined || again.url === parts.url) break;
    parts = i < 4 ? { ...parts, ...again } : undefined;
  }
  return parts;
}

function parseOnce(raw: string): UrlParts | undefined {
  if (raw.length > MAX_URL) return undefined;
  const text = refang(raw.trim()).replaceAll("\\", "/");
  const match = SCHEME.exec(text);
  const scheme = match === null ? "http" : match[1]!.toLowerCase();
  const from = match === null ? 0 : match[0].length;
  if (match === null && !looksSchemeless(text)) return undefined;
  const authorityEnd = endOfAuthority(text, from);
  const authority = splitAuthority(text.slice(from, authorityEnd));
  if (authority === undefined) return undefined;
  if (match === null && !authority.host.includes(".") && !authority.host.includes(":")) return undefined;
  const port = authority.port === DEFAULT_PORTS[scheme] ? undefined : authority.port;
  const path = canonicalRest(text.slice(authorityEnd));
  const host = authority.host.includes(":") ? `[${authority.host}]` : authority.host;
  const url = `${scheme}://${host}${port === undefined ? "" : `:${port}`}${path}`;
  if (url.length > MAX_URL) return undefined;
  const parts = { url: url as CanonicalValue, scheme, host: authority.host, path };
  return authority.port === undefined ? parts : { ...parts, port: authority.port };
}

/** `evil.example/x` or `evil.example:8080/x`: a path must follow, and no blank may precede it. */
function looksSchemeless(text: string): boolean {
  const slash = text.indexOf("/");
  return slash > 3 && !/[\s@<>"']/.test(text.slice(0, slash));
}

function endOfAuthority(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 47 || c === 63 || c === 35) return i;
  }
  return text.length;
}

function splitAuthority(raw: string): { readonly host: string; readonly port?: number } | undefined {
  const at = raw.lastIndexOf("@");
  let text = at < 0 ? raw : raw.slice(at + 1);
  let port: number | undefined;
  const colon = text.lastIndexOf(":");
  if (colon >= 0 && !text.endsWith("]")) {
    const digits = text.slice(colon + 1);
    port = portOf(digits);
    if (port === undefined && digits !== "") return undefined;
    text = text.slice(0, colon);
  }
  if (text.includes("%") && !text.startsWith("[")) text = decodeUnreserved(text);
  const host = canonicalIp(text) ?? hostName(text);
  // A host of brackets must be IPv6; a bare IPv6 address in a URL is not one.
  if (host === undefined || (host.includes(":") && !text.startsWith("["))) return undefined;
  return port === undefined ? { host } : { host, port };
}

function canonicalRest(raw: string): string {
  const hash = raw.indexOf("#");
  let text = hash < 0 ? raw : raw.slice(0, hash);
  if (text.includes("%")) text = decodeUnreserved(text);
  text = encodeUnsafe(text);
  const question = text.indexOf("?");
  const path = question < 0 ? text : text.slice(0, question);
  const query = question < 0 ? "" : text.slice(question);
  const clean = path.includes("/.") ? withoutDotSegments(path) : path;
  return `${clean === "" ? "/" : clean}${query === "?" ? "" : query}`;
}

/**
 * `%41` → `A` for letters, digits and `-._~` (RFC 3986 §6.2.2.2), and other escapes in upper case. The output is watched too
 * (`%4%31` → `%41` → `A`), so that a second pass changes nothing; each character is pushed and popped once: linear.
 */
export function decodeUnreserved(text: string): string {
  const out: string[] = [];
  for (const char of text) {
    out.push(char);
    while (out.length >= 3 && out.at(-3) === "%") {
      const code = hexPair(out.at(-2)!, out.at(-1)!);
      if (code < 0) break;
      const decoded = String.fromCharCode(code);
      if (!/[A-Za-z0-9._~-]/.test(decoded)) {
        out.push(out.pop()!.toUpperCase());
        out[out.length - 2] = out.at(-2)!.toUpperCase();
        break;
      }
      out.length -= 3;
      out.push(decoded);
    }
  }
  return out.join("");
}

function hexPair(high: string, low: string): number {
  return /^[0-9a-f]$/i.test(high) && /^[0-9a-f]$/i.test(low) ? Number.parseInt(high + low, 16) : -1;
}

function encodeUnsafe(text: string): string {
  return text.replace(/[^\x21-\x7e]|["<>]/gu, encodeChar);
}

function encodeChar(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 128) return `%${code.toString(16).toUpperCase().padStart(2, "0")}`;
  return char.length === 1 && code >= 0xd800 && code < 0xe000 ? "%EF%BF%BD" : encodeURIComponent(char);
}

function withoutDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.split("/");
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!;
    const last = i === segments.length - 1;
    if (segment === "..") out.pop();
    else if (segment !== ".") out.push(segment);
    if (last && (segment === "." || segment === "..")) out.push("");
  }
  return `/${out.join("/")}`;
}
