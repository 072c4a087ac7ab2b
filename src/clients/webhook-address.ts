import { type LookupAddress, lookup } from "node:dns";
import { BlockList, isIP, isIPv4, type LookupFunction } from "node:net";
import { TiplineError } from "../lib/errors.ts";

/** `private`: somebody's own network, this host included · `never`: no receiver of webhooks is there, whoever asks. */
export type Reach = "public" | "private" | "never";

const PRIVATE = [
  ...["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15"],
  ...["::1/128", "fc00::/7", "fec0::/10"],
];
/** Link-local, multicast, reserved, documentation; tunnels that carry an IPv4 address nobody checked; and where clouds keep their metadata. */
const NEVER = [
  ...["0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24"],
  ...["203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  ...[
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "fe80::/10",
    "ff00::/8",
  ],
  ...["100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", "fd20:ce::254/128"],
];

const privateNets = listOf(PRIVATE);
const neverNets = listOf(NEVER);

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [base = "", prefix] = network.split("/");
    list.addSubnet(base, Number(prefix), isIPv4(base) ? "ipv4" : "ipv6");
  }
  return list;
}

/** Where an address leads. IPv4 within IPv6 (mapped, compatible, NAT64) counts as the IPv4 address that it leads to. */
export function reachOf(address: string): Reach {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  if (isIP(bare) === 0) return "never";
  const plain = isIPv4(bare) ? bare : (embedded(bare) ?? bare);
  const family = isIPv4(plain) ? "ipv4" : "ipv6";
  if (neverNets.check(plain, family)) return "never";
  return privateNets.check(plain, family) ? "private" : "public";
}

/** The IPv4 address in ::ffff:0:0/96, ::/96 (but :: and ::1) or 64:ff9b::/96. */
function embedded(address: string): string | undefined {
  const groups = groupsOf(address);
  const head = groups.slice(0, 6).join(":");
  const known = ["0:0:0:0:0:65535", "0:0:0:0:65535:0", "0:0:0:0:0:0", `${0x64}:${0xff9b}:0:0:0:0`];
  const [high = 0, low = 0] = groups.slice(6);
  if (!known.includes(head) || (head === known[2] && high === 0 && low <= 1)) return undefined;
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of a valid address. */
function groupsOf(address: string): number[] {
  // The URL parser writes an IPv4 tail as two groups.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = text.split("::");
  const numbers = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = numbers(head);
  if (tail === undefined) return before;
  const after = numbers(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

export type Resolve = (
  name: string,
  options: { readonly all: true; readonly family?: number; readonly hints?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** The host of a URL when it is an address, in whatever spelling, else undefined. */
export function literalAddress(url: string): string | undefined {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? undefined : host;
}

const ADVICE: Readonly<Record<Exclude<Reach, "public">, string>> = {
  private: "which is in a private network; say allow_private: true if the receiver is yours",
  never: "where no receiver of webhooks can be (link-local, metadata, reserved or multicast)",
};

/** Throws TiplineError unless an address may be connected to. */
export function requireReach(address: string, host: string, allowPrivate: boolean): void {
  const reach = reachOf(address);
  if (reach === "public" || (reach === "private" && allowPrivate)) return;
  const where = host === address ? address : `${host}, which is ${address},`;
  throw new TiplineError("TIP_SINK_FAILED", `refused to connect to ${where} ${ADVICE[reach]}`);
}

/**
 * Resolves a name once and gives only addresses that may be connected to; the connection goes to what was checked, so that a name
 * that answers otherwise the next time (DNS rebinding) gains nothing.
 */
export function guardedLookup(allowPrivate: boolean, resolve: Resolve = lookup as Resolve): LookupFunction {
  return (host, options, callback) => {
    const { family, hints } = options;
    const wanted = family === "IPv4" ? 4 : family === "IPv6" ? 6 : family;
    const given = {
      all: true as const,
      ...(wanted === undefined ? {} : { family: wanted }),
      ...(hints === undefined ? {} : { hints }),
    };
    resolve(host, given, (error, found) => {
      if (error !== null) return callback(error, "", 4);
      const allowed: LookupAddress[] = [];
      let refusal: unknown;
      for (const one of found) {
        try {
          requireReach(one.address, host, allowPrivate);
          allowed.push(one);
        } catch (thrown) {
          refusal = thrown;
        }
      }
      const [first] = allowed;
      if (first === undefined) return callback((refusal ?? new Error("no address")) as NodeJS.ErrnoException, "", 4);
      if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
