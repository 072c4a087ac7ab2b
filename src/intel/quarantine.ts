import type { ReportedIndicator } from "../model/indicator.ts";
import { addressRange } from "./address-ranges.ts";
import { isPublicSuffix, isPublicTld } from "./hosts.ts";

/** Hashes of the empty input by type: every empty file, and every program that failed to read one, has them. */
const EMPTY_HASHES: ReadonlySet<string> = new Set([
  "d41d8cd98f00b204e9800998ecf8427e",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
  "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
]);

const HASHES: ReadonlySet<string> = new Set([
  "md5",
  "sha1",
  "sha224",
  "sha256",
  "sha384",
  "sha512",
  "imphash",
  "ja3",
  "x509",
]);
/** Networks wider than this hold bystanders by the thousand. */
const WIDEST = { v4: 16, v6: 32 };
const SHORTEST_NAME = 4;
/** Names that every system has; as bare names they would match on each of them. */
const SYSTEM_FILES: ReadonlySet<string> = new Set(
  (
    "svchost.exe explorer.exe cmd.exe powershell.exe rundll32.exe regsvr32.exe lsass.exe services.exe winlogon.exe csrss.exe " +
    "smss.exe wininit.exe conhost.exe dllhost.exe taskhostw.exe msiexec.exe wscript.exe cscript.exe mshta.exe notepad.exe " +
    "chrome.exe firefox.exe msedge.exe iexplore.exe outlook.exe winword.exe excel.exe kernel32.dll ntdll.dll user32.dll " +
    "advapi32.dll setup.exe install.exe update.exe readme.txt index.html index.php desktop.ini thumbs.db"
  ).split(" "),
);

/** Why an indicator must not go live, because it would match what is harmless all day long; undefined when it may. */
export function dangerous({
  type,
  pattern,
  value,
}: Pick<ReportedIndicator, "type" | "pattern" | "value">): string | undefined {
  if (HASHES.has(type)) return dangerousHash(value);
  switch (type) {
    case "ip":
      return pattern === "cidr" ? dangerousNetwork(value) : dangerousAddress(value);
    case "domain":
      return dangerousName(value);
    case "url":
      return dangerousUrl(value);
    case "filename":
      if (value.length < SHORTEST_NAME) return `file name of fewer than ${SHORTEST_NAME} characters`;
      return SYSTEM_FILES.has(value) ? "file name that every system has" : undefined;
    case "path":
      return value.length < 6 ? "path of fewer than 6 characters" : undefined;
    case "mutex":
      return value.length < SHORTEST_NAME ? `mutex name of fewer than ${SHORTEST_NAME} characters` : undefined;
    case "user-agent":
      return dangerousAgent(value);
    case "regkey":
      return value.split("\\").length < 3 ? "registry key of fewer than three parts" : undefined;
    case "email":
      return undefined;
    default:
      return undefined;
  }
}

function dangerousHash(value: string): string | undefined {
  if (EMPTY_HASHES.has(value)) return "hash of the empty file";
  return /^(.)\1*$/.test(value) ? "hash of one repeated digit" : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  loopback: "loopback address",
  unspecified: "unspecified address (0.0.0.0/8 or ::)",
  private: "private address",
  "link-local": "link-local address",
  multicast: "multicast address",
  broadcast: "broadcast address",
};

function dangerousAddress(value: string): string | undefined {
  const range = addressRange(value);
  return range === undefined ? undefined : REASONS[range];
}

function dangerousNetwork(value: string): string | undefined {
  const slash = value.indexOf("/");
  const address = value.slice(0, slash);
  const widest = address.includes(":") ? WIDEST.v6 : WIDEST.v4;
  if (Number(value.slice(slash + 1)) < widest) return `network wider than /${widest}`;
  return dangerousAddress(address);
}

function dangerousName(value: string): string | undefined {
  if (!value.includes(".")) return "name of a single label";
  if (isPublicSuffix(value)) return "public suffix";
  if (value.endsWith(".arpa")) return "reverse name";
  return value === "localhost.localdomain" ? "name of the local computer" : undefined;
}

/** A URL whose host says nothing, or of nothing but a public suffix. */
function dangerousUrl(value: string): string | undefined {
  const from = value.indexOf("://") + 3;
  const host = /^(?:\[[0-9a-f:.]{2,45}\]|[^/:?#]{1,253})/.exec(value.slice(from))?.[0] ?? "";
  if (host === "" || host === "localhost") return "URL of the local computer";
  const address = host.startsWith("[") ? host.slice(1, -1) : host;
  if (/^[\d.]+$/.test(address) || address.includes(":")) {
    const range = addressRange(address);
    if (range === "loopback" || range === "unspecified") return `URL of a ${range} address`;
    return undefined;
  }
  return isPublicTld(host) && !host.includes(".") ? "URL of a top-level domain" : undefined;
}

function dangerousAgent(value: string): string | undefined {
  if (value.length < 4) return "user agent of fewer than 4 characters";
  return /^mozilla\/[45]\.0$/i.test(value) ? "user agent that every browser sends" : undefined;
}
