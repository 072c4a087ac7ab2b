import { parse } from "tldts";

const OPTIONS = {
  allowPrivateDomains: true,
  extractHostname: false,
  validateHostname: false,
  detectIp: false,
} as const;
const ICANN = { allowPrivateDomains: false, extractHostname: false, validateHostname: false, detectIp: false } as const;

/** Labels already asked for; bounded because free text is hostile. */
const publicTlds = new Map<string, boolean>();
const MAX_CACHED_TLDS = 4_096;

/** True when the label (lower case, IDNA) is a top-level domain of the public root. */
export function isPublicTld(label: string): boolean {
  const known = publicTlds.get(label);
  if (known !== undefined) return known;
  // `za` is no suffix by itself (`co.za` is), the only such one.
  const result = label.length > 1 && (label === "za" || parse(label, ICANN).isIcann === true);
  if (publicTlds.size >= MAX_CACHED_TLDS) publicTlds.clear();
  publicTlds.set(label, result);
  return result;
}

/** True when the name itself is a public suffix, private ones such as `github.io` included. Takes a canonical name. */
export function isPublicSuffix(host: string): boolean {
  const found = parse(host, OPTIONS);
  return found.publicSuffix === host && (found.isIcann === true || found.isPrivate === true);
}

/** The name that was registered (`example.co.uk` of `a.b.example.co.uk`), private suffixes counted as suffixes. */
export function registrableDomain(host: string): string | undefined {
  return parse(host, OPTIONS).domain ?? undefined;
}

/** Reverse names say an address again; they are neither an address nor a domain. Takes a canonical name. */
export function isReverseName(host: string): boolean {
  return host.endsWith(".arpa") && (host.endsWith(".in-addr.arpa") || host.endsWith(".ip6.arpa"));
}

/** Top-level domains that in free text are nearly always the ending of a file name. */
const FILE_ENDINGS = new Set("zip mov cab map properties target java prof dot".split(" "));
/** Endings that are a file name in a name of two labels (`script.sh`) and a host otherwise (`www.example.rs`). */
const SHORT_FILE_ENDINGS = new Set("sh py md rs so cat run pub mo mk ps tf ax".split(" "));

/** Top-level domains that are words of programs: `$x.name`, `user.id`, `Microsoft.PowerShell.Security`. */
const CODE_WORDS = new Set(
  (
    "name id is to as no call date now total select one style events services management security network media data search " +
    "support tools info web team host link page box channel foundation systems zone group cloud dev global version all int " +
    "new open plus pro play bar menu map win bind case city community company computer contact exchange express finance"
  ).split(" "),
);
/** `app.INFO`: channel and level of a log. */
const LOG_LEVEL = /^(?:INFO|NOTICE|DEBUG|ERROR|WARNING|WARN|ALERT|CRITICAL)$/;
/** First labels of program names, which are written with capitals (`System.IO`, `Trojan.Agent.bd`). */
const NAMESPACES = new Set(
  (
    "system microsoft windows java javax sun jdk asp ado vb django http https trojan backdoor worm virus exploit heur win32 win64 " +
    "w32 w97m adware pua pup riskware hacktool ransom spyware generic gen html js vbs script packed malware"
  ).split(" "),
);
/** First labels of names written backwards (`com.apple.photos`). */
const REVERSED = new Set(["com", "org", "android", "androidx"]);

/** What follows a name: a path, a port, or nothing that tells. */
export type Located = "path" | "port" | undefined;

/**
 * Whether a dotted name in free text is a host: its last label must be a public top-level domain and the name must not read
 * as a file, a program's name or two sentences without a blank. `name` as written (case tells `System.Net` from a host).
 * `located`: what after the name says that it is a host; a line number looks like a port, so a port does not outweigh `.java`.
 */
export function looksLikeHost(name: string, located: Located): boolean {
  const lastDot = name.lastIndexOf(".");
  const written = name.slice(lastDot + 1);
  const tld = written.toLowerCase();
  if (!isPublicTld(tld)) return false;
  const firstDot = name.indexOf(".");
  const twoLabels = firstDot === lastDot;
  const first = name.slice(0, firstDot).toLowerCase();
  if (FILE_ENDINGS.has(tld)) return located === "path" || first === "www";
  if (SHORT_FILE_ENDINGS.has(tld) && located !== "path" && (twoLabels || first.startsWith("lib"))) return false;
  // `Safari.app`, `Makefile.am`, `Foo.pm`, but `EVIL.APP`.
  if (twoLabels && /^(?:app|am|pm|pl|ph)$/.test(written) && /^[A-Z][a-z]/.test(name)) return false;
  const capitalized = /^[A-Z][a-z]/.test(written);
  if (capitalized && (tld.length > 3 || !/[A-Z]/.test(name.slice(0, lastDot))))
    return tld === "com" || tld === "net" || tld === "org";
  if (LOG_LEVEL.test(written) && /[a-z]/.test(name.slice(0, lastDot))) return false;
  if (REVERSED.has(first) && !twoLabels) return tld.length < 4 || tld === "info";
  if (tld === "net" && /^(?:asp|ado|vb)$/.test(first)) return false;
  if (NAMESPACES.has(first) && name !== name.toLowerCase())
    return tld === "com" || tld === "org" || name === name.toUpperCase();
  if (twoLabels && first.length < 2 && tld.length > 3 && located === undefined) return false;
  if (CODE_WORDS.has(tld) && twoLabels && (first.length < 3 || capitalized)) return false;
  return true;
}
