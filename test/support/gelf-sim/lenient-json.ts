/** What Graylog's JSON reader makes of a text: the first value of it, and how much follows. Throws where it gives up. */
export function readFirstValue(text: string): { readonly value: unknown; readonly rest: string } {
  const end = firstEnd(text);
  return { value: JSON.parse(tolerated(text.slice(0, end)), keepWhole) as unknown, rest: text.slice(end).trim() };
}

/** Integers beyond 2^53 come as BigInt, so that what happens beyond 2^63 can be shown. */
const MARK = "\u{10fffe}int:";

function keepWhole(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value;
}

/** Position after the first value. */
function firstEnd(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === "{" || char === "[") depth += 1;
    else if (char === "}" || char === "]") {
      depth -= 1;
      if (depth <= 0) return at + 1;
    }
  }
  return text.length;
}

function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Trailing commas and raw control characters in strings are taken; long integers are marked. */
function tolerated(text: string): string {
  let out = "";
  for (let at = 0; at < text.length; ) {
    if (text[at] === '"') {
      const end = stringEnd(text, at);
      out += text
        .slice(at, end)
        .replace(/[\u0000-\u001f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
      at = end;
      continue;
    }
    const number = /^-?\d{16,}(?![\d.eE])/.exec(text.slice(at, at + 400))?.[0];
    if (number !== undefined) {
      out += `"${MARK}${number}"`;
      at += number.length;
    } else if (text[at] === "," && /^,\s*[}\]]/.test(text.slice(at, at + 100))) at += 1;
    else {
      out += text[at];
      at += 1;
    }
  }
  return out;
}
