import { BlockList, isIP } from "node:net";

/** Why an address is nobody's in particular. `benchmark` (198.18.0.0/15) is not here: test beds route it like any other. */
export type AddressRange =
  | "private"
  | "loopback"
  | "link-local"
  | "multicast"
  | "documentation"
  | "unspecified"
  | "broadcast";

const RANGES: readonly (readonly [AddressRange, string, number])[] = [
  ["unspecified", "0.0.0.0", 8],
  ["private", "10.0.0.0", 8],
  ["private", "100.64.0.0", 10],
  ["loopback", "127.0.0.0", 8],
  ["link-local", "169.254.0.0", 16],
  ["private", "172.16.0.0", 12],
  ["documentation", "192.0.2.0", 24],
  ["private", "192.168.0.0", 16],
  ["documentation", "198.51.100.0", 24],
  ["documentation", "203.0.113.0", 24],
  ["multicast", "224.0.0.0", 4],
  ["broadcast", "255.255.255.255", 32],
  ["unspecified", "::", 128],
  ["loopback", "::1", 128],
  ["private", "fc00::", 7],
  ["link-local", "fe80::", 10],
  ["multicast", "ff00::", 8],
  ["documentation", "2001:db8::", 32],
  ["documentation", "3fff::", 20],
];

const V4: (readonly [AddressRange, number, number])[] = [];
const V6: (readonly [AddressRange, BlockList])[] = [];
for (const [range, base, prefix] of RANGES) {
  if (isIP(base) === 4) {
    V4.push([range, v4Number(base), prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0]);
  } else {
    const list = new BlockList();
    list.addSubnet(base, prefix, "ipv6");
    V6.push([range, list]);
  }
}

/** Dotted IPv4 (already known to be valid) as an unsigned 32-bit number. */
export function v4Number(address: string): number {
  let number = 0;
  let octet = 0;
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at);
    if (code === 46) {
      number = number * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + code - 48;
  }
  return number * 256 + octet;
}

/** The special range an address in canonical spelling lies in, or undefined for ordinary public addresses. */
export function addressRange(address: string): AddressRange | undefined {
  if (!address.includes(":")) {
    const number = v4Number(address);
    // Later, narrower ranges (255.255.255.255 in no other) never overlap, so the first hit is the only one.
    return V4.find(([, base, mask]) => (number & mask) >>> 0 === base)?.[0];
  }
  return V6.find(([, list]) => list.check(address, "ipv6"))?.[0];
}

/** True for addresses that only make sense inside the user's own network. */
export function isInternal(address: string): boolean {
  const range = addressRange(address);
  return range === "private" || range === "loopback" || range === "link-local" || range === "unspecified";
}
