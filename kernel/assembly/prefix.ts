/**
 * Skipping what the manager itself wrote at the head of an alert (`timestamp`, `rule`, `agent` …): a third of a line, at which
 * neither extraction nor the reference matcher ever looks. Whatever is not exactly as expected ends the skipping; that is always
 * right, since what is not skipped is scanned.
 */

import { bits } from "./masks";

/** Where scanning begins: at `line`, or at the comma before the first member that is not the manager's. */
export function skipManager(line: usize, to: usize): usize {
  if (load<u8>(line) !== 123) return line;
  let at = line;
  while (true) {
    const value = managerValue(at + 1);
    if (value === 0) return at;
    const first = load<u8>(value);
    const end = first === 34 ? stringEnd(value + 1, to) : first === 123 ? objectEnd(value + 1, to) : 0;
    if (end === 0 || end >= to || load<u8>(end) !== 44) return at;
    at = end;
  }
}

/** Where the value begins of a member that starts at `at` and is one of the manager's, or 0. */
function managerValue(at: usize): usize {
  if (load<u8>(at) !== 34) return 0;
  let past: usize;
  switch (load<u32>(at, 1)) {
    // timestamp
    case 0x656d6974:
      if (load<u32>(at, 5) !== 0x6d617473 || load<u8>(at, 9) !== 112) return 0;
      past = at + 10;
      break;
    // rule
    case 0x656c7572:
      past = at + 5;
      break;
    // agent
    case 0x6e656761:
      if (load<u8>(at, 5) !== 116) return 0;
      past = at + 6;
      break;
    // manager
    case 0x616e616d:
      if (load<u8>(at, 5) !== 103 || load<u16>(at, 6) !== 0x7265) return 0;
      past = at + 8;
      break;
    // cluster
    case 0x73756c63:
      if (load<u8>(at, 5) !== 116 || load<u16>(at, 6) !== 0x7265) return 0;
      past = at + 8;
      break;
    // decoder
    case 0x6f636564:
      if (load<u8>(at, 5) !== 100 || load<u16>(at, 6) !== 0x7265) return 0;
      past = at + 8;
      break;
    // id":
    case 0x3a226469:
      return at + 5;
    default:
      return 0;
  }
  return load<u16>(past) === 0x3a22 ? past + 2 : 0;
}

/** Behind the quote that ends a string without escapes, or 0; a string that a line was torn in does not go on in the next. */
function stringEnd(from: usize, to: usize): usize {
  const quote = i8x16.splat(34);
  const slash = i8x16.splat(92);
  const newline = i8x16.splat(10);
  for (let at = from; at < to; at += 16) {
    const bytes = v128.load(at);
    const quotes = i8x16.bitmask(i8x16.eq(bytes, quote));
    const stops = i8x16.bitmask(v128.or(i8x16.eq(bytes, slash), i8x16.eq(bytes, newline)));
    if (quotes === 0 && stops === 0) continue;
    const end = ctz<i32>(quotes | stops);
    return ((quotes >>> end) & 1) !== 0 ? at + end + 1 : 0;
  }
  return 0;
}

/** Behind the brace that ends an object whose strings hold no escapes, or 0. */
function objectEnd(from: usize, to: usize): usize {
  const quote = i8x16.splat(34);
  const slash = i8x16.splat(92);
  const newline = i8x16.splat(10);
  // `{` and `}` differ in bits 1 and 2 only.
  const folded = i8x16.splat(6);
  const brace = i8x16.splat(127);
  let depth = 1;
  let inside: u64 = 0;
  for (let at = from; at < to; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    const stops = v128.or(
      v128.or(v128.or(i8x16.eq(a, slash), i8x16.eq(b, slash)), v128.or(i8x16.eq(c, slash), i8x16.eq(d, slash))),
      v128.or(v128.or(i8x16.eq(a, newline), i8x16.eq(b, newline)), v128.or(i8x16.eq(c, newline), i8x16.eq(d, newline))),
    );
    let strings = bits(i8x16.eq(a, quote), i8x16.eq(b, quote), i8x16.eq(c, quote), i8x16.eq(d, quote));
    let braces = bits(
      i8x16.eq(v128.or(a, folded), brace),
      i8x16.eq(v128.or(b, folded), brace),
      i8x16.eq(v128.or(c, folded), brace),
      i8x16.eq(v128.or(d, folded), brace),
    );
    const stopping = v128.any_true(stops);
    if (braces === 0 && !stopping) {
      if ((popcnt<u64>(strings) & 1) !== 0) inside = ~inside;
      continue;
    }
    let clear: u64 = u64.MAX_VALUE;
    if (stopping) {
      // An escape may hide a quote: what stands before it is still good.
      const stopped = bits(
        v128.or(i8x16.eq(a, slash), i8x16.eq(a, newline)),
        v128.or(i8x16.eq(b, slash), i8x16.eq(b, newline)),
        v128.or(i8x16.eq(c, slash), i8x16.eq(c, newline)),
        v128.or(i8x16.eq(d, slash), i8x16.eq(d, newline)),
      );
      clear = (stopped & (0 - stopped)) - 1;
    }
    // Bit by bit: inside a string, the opening quote included.
    strings ^= strings << 1;
    strings ^= strings << 2;
    strings ^= strings << 4;
    strings ^= strings << 8;
    strings ^= strings << 16;
    strings ^= strings << 32;
    strings ^= inside;
    braces &= ~strings & clear;
    for (; braces !== 0; braces &= braces - 1) {
      const place = at + <usize>ctz<u64>(braces);
      const c = load<u8>(place);
      if (c === 123) depth++;
      else if (c === 125 && --depth === 0) return place + 1;
    }
    if (clear !== u64.MAX_VALUE) return 0;
    inside = strings >>> 63 !== 0 ? u64.MAX_VALUE : 0;
  }
  return 0;
}
