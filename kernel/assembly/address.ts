/** Addresses: as src/intel/tokens.ts and src/intel/nominate.ts read them. */
import { SLOT_PREFIX4_LIST, SLOT_PREFIX6_LIST, SLOT_PREFIXES4, SLOT_PREFIXES6 } from "../../src/intel/gate-layout";
import { hexValue, isTokenByte } from "./bytes";
import { network, whole } from "./probe";
import { run } from "./token";

const SALT_IP6: u32 = 0x600;
const SALT_NET4: u32 = 0x400;
/** A run as long as this is for extraction to judge. */
const MAX_IP6_RUN: usize = 200;
/** Extraction reads at most so many characters as one address. */
const MAX_IP6: usize = 46;

/** Dotted IPv4 in `[from, to)`, or -1: four octets, no leading zeros. */
export function parseIpv4(from: usize, to: usize): i64 {
  let address: i64 = 0;
  let octet = -1;
  let octets = 1;
  for (let at = from; at < to; at++) {
    const c = <i32>load<u8>(at);
    if (c === 46) {
      if (octet < 0) return -1;
      address = (address << 8) | octet;
      octet = -1;
      if (++octets > 4) return -1;
    } else {
      if (c < 48 || c > 57 || octet === 0) return -1;
      octet = (octet < 0 ? 0 : octet * 10) + c - 48;
      if (octet > 255) return -1;
    }
  }
  return octet < 0 || octets !== 4 ? -1 : (address << 8) | octet;
}

/** The address is in a listed network. */
export function inNetworks4(slot: usize, scratch: usize, address: u32): bool {
  const count = <usize>load<u32>(slot, SLOT_PREFIXES4);
  for (let i: usize = 0; i < count; i++) {
    const prefix = <u32>load<u8>(slot + i, SLOT_PREFIX4_LIST);
    store<u32>(scratch + 32, prefix === 0 ? 0 : address & ((<u32>0xffffffff) << (32 - prefix)));
    if (network(slot, scratch + 32, 1, SALT_NET4 + prefix)) return true;
  }
  return false;
}

function inNetworks6(slot: usize, scratch: usize): bool {
  const count = <usize>load<u32>(slot, SLOT_PREFIXES6);
  for (let i: usize = 0; i < count; i++) {
    const prefix = <i32>load<u8>(slot + i, SLOT_PREFIX6_LIST);
    for (let group = 0; group < 8; group++) {
      const bits = max<i32>(0, min<i32>(16, prefix - group * 16));
      const mask: u32 = 0xffff & (0xffff << (16 - bits));
      store<u32>(scratch + 32 + ((<usize>group) << 2), load<u16>(scratch + ((<usize>group) << 1)) & mask);
    }
    if (network(slot, scratch + 32, 8, SALT_IP6 + prefix)) return true;
  }
  return false;
}

/** IPv6 without zone in `[from, to)`, read into eight groups at `groups`; false when it is none. */
function parseIp6(from: usize, to: usize, groups: usize): bool {
  let filled: usize = 0;
  let gap: isize = -1;
  let at = from;
  if (load<u8>(at) === 58) {
    if (load<u8>(at + 1) !== 58) return false;
    gap = 0;
    at += 2;
  }
  while (at < to) {
    if (filled === 8) return false;
    let value: u32 = 0;
    let end = at;
    for (; end < to && end - at < 5; end++) {
      const digit = hexValue(load<u8>(end));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (end === at || end - at > 4) return false;
    const next: u32 = end < to ? load<u8>(end) : 0;
    if (next === 46) {
      const address = filled > 6 ? -1 : parseIpv4(at, to);
      if (address < 0) return false;
      store<u16>(groups + (filled++ << 1), <u16>(address >>> 16));
      store<u16>(groups + (filled++ << 1), <u16>address);
      break;
    }
    store<u16>(groups + (filled++ << 1), <u16>value);
    if (end === to) break;
    if (next !== 58) return false;
    at = end + 1;
    if (at < to && load<u8>(at) === 58) {
      if (gap >= 0) return false;
      gap = filled;
      at++;
    } else if (at === to) return false;
  }
  if (gap < 0) return filled === 8;
  if (filled > 7) return false;
  let moved = filled;
  for (let to8: isize = 7; to8 >= gap; to8--) {
    if (<isize>moved > gap) {
      moved--;
      store<u16>(groups + (to8 << 1), load<u16>(groups + (moved << 1)));
    } else store<u16>(groups + (to8 << 1), 0);
  }
  return true;
}

function isIp6Char(c: u32): bool {
  return c === 58 || c === 46 || hexValue(c) >= 0;
}

/** End of the run of hex digits, colons and dots that holds `at`. */
export function ip6RunEnd(at: usize, lineEnd: usize): usize {
  let to = at + 1;
  while (to < lineEnd && to - at < MAX_IP6_RUN && isIp6Char(load<u8>(to))) to++;
  return to;
}

/** IPv6 addresses in the run around a place, tried one after the other. */
export function ip6(slot: usize, scratch: usize, line: usize, at: usize, lineEnd: usize): bool {
  let from = at;
  while (from > line && at - from < MAX_IP6_RUN && isIp6Char(load<u8>(from - 1))) from--;
  const to = ip6RunEnd(at, lineEnd);
  if (to - from >= MAX_IP6_RUN) return true;
  const before: u32 = from > line ? load<u8>(from - 1) : 0;
  // The run takes in the digits of an encoded blank (`%202a00::1`), or the letter of an escape (`\b::1`).
  const decoded = before === 37 ? from + 2 : before === 92 ? from + 1 : from;
  // `\u003c2a00::1`: `u` is no hex digit, so the run begins behind it.
  const unescaped = before === 117 ? from + 4 : from;
  let colons = 0;
  let gap: usize = 0;
  let dot = false;
  for (let place = from; place < to; place++) {
    const c = load<u8>(place);
    if (c === 58) {
      colons++;
      if (place + 1 < to && load<u8>(place + 1) === 58) gap = place;
    } else if (c === 46) dot = true;
  }
  // Without `::` or a dot an address has eight groups, and only one beginning comes into question.
  if (gap === 0 && !dot) {
    const start = eightGroups(from, to);
    if (start === 0) return false;
    const end = load<u8>(to - 1) === 58 ? to - 1 : to;
    if (address6(slot, scratch, start, end, lineEnd)) return true;
    if (start !== from) return false;
    return (
      (decoded !== from && decoded < end && address6(slot, scratch, decoded, end, lineEnd)) ||
      (unescaped !== from && unescaped < end && address6(slot, scratch, unescaped, end, lineEnd))
    );
  }
  for (let start = from; start + 2 < to; start++) {
    // Behind the last `::` six colons are the least.
    if (start > gap && colons < 6) return false;
    if (load<u8>(start) === 58) colons--;
    const begins = start === from || start === decoded || start === unescaped || load<u8>(start) === 58;
    if (!begins && load<u8>(start - 1) !== 58) continue;
    let end = min<usize>(start + MAX_IP6, to);
    for (; end > start; end--) {
      const last = load<u8>(end - 1);
      if (last !== 46 && !(last === 58 && load<u8>(end - 2) !== 58)) break;
    }
    if (end > start + 2 && address6(slot, scratch, start, end, lineEnd)) return true;
  }
  return false;
}

/** Where eight groups before the run's end begin, or 0. */
function eightGroups(from: usize, to: usize): usize {
  let at = load<u8>(to - 1) === 58 ? to - 1 : to;
  let colons = 0;
  for (; at > from; at--) if (load<u8>(at - 1) === 58 && ++colons === 8) break;
  return colons < 7 ? 0 : at;
}

function address6(slot: usize, scratch: usize, start: usize, end: usize, lineEnd: usize): bool {
  if (!parseIp6(start, end, scratch)) return false;
  // `2a00::1_evil.example`: extraction goes on behind the address.
  let past = end;
  while (past < lineEnd && isTokenByte(load<u8>(past))) past++;
  if (past > end && run(slot, scratch, end, past)) return true;
  if (load<u64>(scratch) === 0 && load<u32>(scratch, 8) === 0xffff0000) {
    const address = ((<u32>load<u16>(scratch, 12)) << 16) | load<u16>(scratch, 14);
    return inNetworks4(slot, scratch, address) || dottedQuad(slot, scratch, address);
  }
  return inNetworks6(slot, scratch);
}

/** The address as a token. */
function dottedQuad(slot: usize, scratch: usize, address: u32): bool {
  const from = scratch + 72;
  let at = from;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const octet = (address >>> shift) & 255;
    if (octet > 99) store<u8>(at++, <u8>(48 + octet / 100));
    if (octet > 9) store<u8>(at++, <u8>(48 + ((octet / 10) % 10)));
    store<u8>(at++, <u8>(48 + (octet % 10)));
    if (shift > 0) store<u8>(at++, 46);
  }
  return whole(slot, from, at);
}
