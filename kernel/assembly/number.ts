/** JSON numbers whose digits are not those that parsing and printing them gives (`64500.0`, `6.45e4`, more than 15 digits). */
import { isDigit } from "./bytes";

/** The run may be such a number, standing as a JSON value by itself. */
export function mayNumberDiffer(line: usize, from: usize, to: usize): bool {
  let at = load<u8>(from) === 45 ? from + 1 : from;
  if (at === to || !isDigit(load<u8>(at)) || !isValue(line, from)) return false;
  const first = at;
  while (at < to && isDigit(load<u8>(at))) at++;
  const digits = at - first;
  if (at === to) return digits > 16 || (digits === 16 && load<u8>(first) === 57);
  if (load<u8>(at) === 46) {
    for (at++; at < to; at++) {
      const c = load<u8>(at);
      if ((c | 32) === 101) return true;
      if (c !== 48) {
        // A fraction, unless an exponent moves the point.
        while (at < to && isDigit(load<u8>(at))) at++;
        return at < to && (load<u8>(at) | 32) === 101;
      }
    }
    return true;
  }
  return (load<u8>(at) | 32) === 101;
}

/** What stands before is `":`, `,` or `[`, blanks between. */
function isValue(line: usize, from: usize): bool {
  let at = from - 1;
  while (at > line && (load<u8>(at) === 32 || load<u8>(at) === 9)) at--;
  const c = load<u8>(at);
  if (c === 58) {
    at--;
    while (at > line && (load<u8>(at) === 32 || load<u8>(at) === 9)) at--;
    return load<u8>(at) === 34;
  }
  return c === 44 || c === 91;
}
