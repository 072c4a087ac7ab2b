/** Classes of single bytes. */

/** 0–15, or -1. */
export function hexValue(c: u32): i32 {
  const digit = <i32>c - 48;
  if (<u32>digit < 10) return digit;
  const letter = <i32>(c | 32) - 97;
  return <u32>letter < 6 ? letter + 10 : -1;
}

export function isLetter(c: u32): bool {
  return (c | 32) - 97 < 26;
}

export function isDigit(c: u32): bool {
  return c - 48 < 10;
}

/** Letters, digits, `.`, `_` and `-`. */
export function isTokenByte(c: u32): bool {
  return isLetter(c) || isDigit(c) || c === 45 || c === 46 || c === 95;
}

/** Four hex digits at a place as a number, or -1. */
export function hex4(at: usize): i32 {
  const a = hexValue(load<u8>(at));
  const b = hexValue(load<u8>(at, 1));
  const c = hexValue(load<u8>(at, 2));
  const d = hexValue(load<u8>(at, 3));
  return (a | b | c | d) < 0 ? -1 : (a << 12) | (b << 8) | (c << 4) | d;
}
