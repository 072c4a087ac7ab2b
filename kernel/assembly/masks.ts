/** Sixteen bytes at a time: classes and comparisons, as vectors and as masks of 64 bits. */

/**
 * Classes of bytes by a look at either half: 1 digit · 2, 4 letters · 8 `_` · 16 `-` `.` · 32 `%` `(` · 64 `[` `{` · 128 hex
 * letter. What is below 32 but for the 128 belongs to tokens.
 */
export function classesOf(bytes: v128): v128 {
  const low = i8x16.swizzle(
    i8x16(5, -121, -121, -121, -121, -89, -121, 7, 39, 7, 6, 66, 2, 18, 18, 10),
    v128.and(bytes, i8x16.splat(15)),
  );
  const high = i8x16.swizzle(i8x16(0, 0, 48, 1, -126, 76, -126, 68, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  return v128.and(low, high);
}

/** One bit for each of 64 bytes. */
export function bits(a: v128, b: v128, c: v128, d: v128): u64 {
  return (
    <u64>(<u32>i8x16.bitmask(a) | ((<u32>i8x16.bitmask(b)) << 16)) |
    ((<u64>(<u32>i8x16.bitmask(c) | ((<u32>i8x16.bitmask(d)) << 16))) << 32)
  );
}

export function any(a: v128, b: v128, c: v128, d: v128): bool {
  return v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)));
}

/** `e` or `E` behind `-` or `/`, or before `6`. */
export function optionOr64(bytes: v128, at: usize): v128 {
  const before = v128.load(at - 1);
  return v128.and(
    i8x16.eq(v128.or(bytes, i8x16.splat(32)), i8x16.splat(101)),
    v128.or(
      i8x16.eq(v128.load(at + 1), i8x16.splat(54)),
      v128.or(i8x16.eq(before, i8x16.splat(45)), i8x16.eq(before, i8x16.splat(47))),
    ),
  );
}

/** `u` or `x`, of either case. */
export function unicodeOrHex(bytes: v128): v128 {
  const folded = v128.or(bytes, i8x16.splat(32));
  return v128.or(i8x16.eq(folded, i8x16.splat(117)), i8x16.eq(folded, i8x16.splat(120)));
}

/** Nothing but hex digits, colons and blanks. */
export function isPrint(bytes: v128, classes: v128): bool {
  return i8x16.all_true(
    v128.or(
      v128.and(classes, i8x16.splat(-127)),
      v128.or(i8x16.eq(bytes, i8x16.splat(32)), i8x16.eq(bytes, i8x16.splat(58))),
    ),
  );
}

/** `b`, `f`, `n`, `r`, `t` and `u`: by their halves, 62 66 6e and 72 74 75. */
export function escapeLetter(bytes: v128): v128 {
  const low = i8x16.swizzle(i8x16(0, 0, 3, 0, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0), v128.and(bytes, i8x16.splat(15)));
  const high = i8x16.swizzle(i8x16(0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  return i8x16.ne(v128.and(low, high), i8x16.splat(0));
}

/** `a` before `s`, of either case. */
export function systemNumber(bytes: v128, at: usize): v128 {
  const blank = i8x16.splat(32);
  return v128.and(
    i8x16.eq(v128.or(bytes, blank), i8x16.splat(97)),
    i8x16.eq(v128.or(v128.load(at + 1), blank), i8x16.splat(115)),
  );
}

/** Digits, of the classes of 64 bytes. */
export function digitsOf(a: v128, b: v128, c: v128, d: v128): u64 {
  const one = i8x16.splat(1);
  return bits(
    i8x16.eq(v128.and(a, one), one),
    i8x16.eq(v128.and(b, one), one),
    i8x16.eq(v128.and(c, one), one),
    i8x16.eq(v128.and(d, one), one),
  );
}
