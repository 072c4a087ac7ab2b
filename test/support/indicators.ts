import fc from "fast-check";
import { canonicalCidr, canonicalize } from "../../src/intel/canonical.ts";
import type { EventContext, IndicatorPattern, IndicatorType, ReportedIndicator } from "../../src/model/indicator.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";

/** A value of an indicator with its type and pattern. */
export interface GeneratedValue {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: CanonicalValue;
}

/** Small pools, so that generated values meet, nest and nearly meet each other. */
const label = fc.constantFrom("evil", "evi1", "a", "www", "cdn-1", "x--y", "mail", "_dmarc", "b2", "update");
const tld = fc.constantFrom("example", "com", "co.uk", "ru", "xn--p1ai");
export const hostName = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), tld)
  .map(([labels, end]) => `${labels.join(".")}.${end}`);
const octet = fc.constantFrom(1, 5, 77, 128, 200, 255);
export const ipv4 = fc.tuple(fc.constantFrom(5, 45, 185), octet, octet, octet).map((octets) => octets.join("."));
const compressedIpv6 = fc
  .tuple(fc.constantFrom("2a00", "2a00:1450"), fc.constantFrom("1", "ff", "0"), fc.constantFrom("1", "bad", "cafe"))
  .map(([head, middle, tail]) => `${head}:${middle}::${tail}`);
/** Eight groups, as addresses of customers have. */
const fullIpv6 = fc
  .tuple(
    fc.constantFrom("2a00:1450:4001:81f", "2a02:8108:8ac0:5b1c"),
    fc.constantFrom("9d2f:41aa:3c7e:1b02", "1:2:3:4"),
  )
  .map(([network, rest]) => `${network}:${rest}`);
export const ipv6 = fc.oneof(compressedIpv6, fullIpv6);
const hex = (length: number) =>
  fc
    .tuple(fc.constantFrom("ab", "de", "09"), fc.nat(15))
    .map(([part, n]) => part.repeat(length / 2).slice(1) + n.toString(16));
const fileName = fc
  .tuple(
    fc.constantFrom("evil", "EVIL", "my doc", "größe", "a-b_c", "run", "invoice(1)", "-x", "payload", "1"),
    fc.constantFrom(".exe", ".dll", ".scr", "", ".tar.gz"),
  )
  .map(([name, ending]) => name + ending);
const folder = fc.constantFrom(
  "C:\\Windows\\Temp\\",
  "C:\\Windows\\System32\\",
  "C:\\Users\\bob\\AppData\\Roaming\\",
  "/tmp/",
  "/usr/lib/x/",
  "D:\\",
  "%TEMP%\\q\\",
);
const regkey = fc
  .tuple(
    fc.constantFrom(
      "HKLM\\SOFTWARE\\",
      "HKCU\\Software\\Classes\\",
      "HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\",
      "HKLM\\SYSTEM\\ControlSet001\\",
    ),
    fc.constantFrom("Evil\\Run", "Microsoft\\Windows\\CurrentVersion\\Run\\Bad", "x y\\z", "Services\\EvilSvc"),
  )
  .map(([hive, rest]) => hive + rest);
const url = fc
  .tuple(
    fc.constantFrom("http", "https", "ftp"),
    fc.oneof(hostName, ipv4, fc.constantFrom("github.com", "t.me", "server")),
    fc.constantFrom("", ":8080"),
    fc.constantFrom(
      "/",
      "/a/b?c=d",
      "/A%20b",
      "/Evil-Org/Loader_v2/raw/x.ps1",
      "/x?id=PAYLOAD~7731&n=1",
      "/web/20201231235959ftp://b",
    ),
  )
  .map(([scheme, host, port, path]) => `${scheme}://${host}${port}${path}`);

const raw: fc.Arbitrary<readonly [IndicatorType, string]> = fc.oneof(
  fc.tuple(fc.constant("domain" as const), hostName),
  fc.tuple(fc.constant("ip" as const), fc.oneof(ipv4, ipv6)),
  fc.tuple(fc.constant("url" as const), url),
  fc.tuple(
    fc.constant("email" as const),
    hostName.map((host) => `bob@${host}`),
  ),
  fc.tuple(fc.constantFrom("md5" as const, "imphash" as const, "ja3" as const), hex(32)),
  fc.tuple(fc.constantFrom("sha1" as const, "x509" as const), hex(40)),
  fc.tuple(fc.constant("sha256" as const), hex(64)),
  fc.tuple(fc.constant("filename" as const), fileName),
  fc.tuple(
    fc.constant("path" as const),
    fc.tuple(folder, fileName).map(([a, b]) => a + b),
  ),
  fc.tuple(fc.constant("regkey" as const), regkey),
  fc.tuple(
    fc.constant("mutex" as const),
    fc.constantFrom("Global\\EvilMutex", "evil_mutex_1", "Ünïcode", "{8F6F0AC4-B9A1-45fd}"),
  ),
  fc.tuple(
    fc.constant("user-agent" as const),
    fc.constantFrom(
      "EvilBot/1.0",
      "Mozilla/4.0 (compatible; MSIE 6.0; EvilLoader)",
      "curl/7.1-evil",
      "Mozilla/5.0 (Windows NT 10.0)",
    ),
  ),
  fc.tuple(fc.constant("asn" as const), fc.constantFrom("AS64500", "64501")),
);

/** A canonical value with one of the patterns of its type; never one that the index refuses. */
export const generatedValue: fc.Arbitrary<GeneratedValue> = fc
  .tuple(raw, fc.boolean(), fc.constantFrom(8, 16, 24, 31, 32, 48, 64))
  .map(([[type, text], wide, prefix]) => {
    if (type === "ip" && wide) {
      const value = canonicalCidr(`${text}/${text.includes(":") ? prefix : Math.min(prefix, 31)}`);
      if (value?.includes("/")) return { type, pattern: "cidr" as const, value };
    }
    const value = canonicalize(type, text);
    return value && { type, pattern: type === "domain" && wide ? ("subdomains" as const) : ("exact" as const), value };
  })
  .filter((value) => value !== undefined);

/** An event of the pool; `version` changes its content. */
export function event(number: number, version = 0): EventContext {
  return {
    uuid: `5f000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    info: `event ${number} v${version}`,
    tags: ["tlp:green"],
    threatLevel: 2,
  };
}

/** A report of the value by an attribute of an event. */
export function reported(
  { type, pattern, value }: GeneratedValue,
  feed: string,
  context: EventContext,
  attribute: number,
  note = "",
): ReportedIndicator {
  return {
    type,
    pattern,
    value,
    report: {
      feed,
      event: context,
      attributeUuid: `6f000000-0000-4000-8000-${String(attribute).padStart(12, "0")}`,
      attributeType: type,
      category: "Network activity",
      attributeValue: attribute % 3 === 0 ? value.toUpperCase() : value,
      toIds: attribute % 2 === 0,
      weak: attribute % 5 === 0,
      tags: attribute % 4 === 0 ? ["a", "b"] : [],
      ...(note !== "" && { comment: note }),
      ...(attribute % 7 === 0 && { timestamp: 1_600_000_000 + attribute, lastSeen: 1_700_000_000 }),
      ...(attribute % 6 === 0 && { companion: { kind: "port" as const, value: "443" } }),
    },
  };
}

/** Runs of a property: few here, many with TIPLINE_FUZZ_RUNS. */
export function fuzzRuns(usual: number): number {
  return Number(process.env["TIPLINE_FUZZ_RUNS"] ?? usual);
}
