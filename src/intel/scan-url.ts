/** Where a URL in free text begins and ends. */

const SCHEMES = new Set(
  (
    "http https ftp ftps sftp tftp ws wss ldap ldaps rmi iiop smb cifs ssh telnet git svn irc ircs tcp udp rtsp rtmp gopher redis " +
    "amqp mqtt mongodb mysql postgresql socks4 socks5 stratum stratum+tcp stratum+ssl dns nfs rsync"
  ).split(" "),
);

/** Start of the scheme that ends at `end` (the colon), or undefined. Letters glued before `http` are not part of it. */
export function isScheme(text: string, start: number, end: number): number | undefined {
  const from = end - start > 15 ? end - 15 : start;
  const word = text.slice(from, end).toLowerCase();
  const plain = word.slice(Math.max(word.lastIndexOf("."), word.lastIndexOf("_"), word.lastIndexOf("-")) + 1);
  if (text.charCodeAt(start - 1) === 43 && text.slice(Math.max(0, start - 8), start).toLowerCase() === "stratum+")
    return start - 8;
  if (SCHEMES.has(plain)) return end - plain.length;
  for (const scheme of ["https", "http", "ftp"]) if (word.endsWith(scheme)) return end - scheme.length;
  return undefined;
}

/** Longer URLs are cut here, so that a text of nothing but schemes costs one pass, not one for each. */
const MAX_URL = 8_192;

/** End of the URL whose authority begins at `from`: the first character that cannot belong to it, closing marks trimmed. */
export function urlEnd(text: string, from: number, parameter = false): number {
  let end = from;
  let open = 0;
  let square = text.charCodeAt(from) === 91 ? 1 : 0;
  const limit = Math.min(text.length, from + MAX_URL);
  for (; end < limit; end++) {
    const c = text.charCodeAt(end);
    if (c <= 32 || c === 34 || c === 39 || c === 60 || c === 62 || c === 92 || c === 96 || c === 124 || c === 94) break;
    if (c === 123 || c === 125 || (c === 38 && (parameter || isEntity(text, end)))) break;
    if (c === 59 && endsAtSemicolon(text, end)) break;
    if (c === 0xa0 || c === 0x3000 || (c >= 0x2018 && c <= 0x201f) || c === 0xab || c === 0xbb) break;
    if (c === 40) open++;
    else if (c === 41 && --open < 0) break;
    else if (c === 91) square++;
    else if (c === 93 && --square < 0 && end > from + 1 && text.charCodeAt(from) !== 91) break;
    else if (c === 44 && endsAtComma(text, end)) break;
  }
  while (end > from && isClosing(text.charCodeAt(end - 1))) end--;
  return end;
}

/** `&quot;`, `&gt;` …: markup that was escaped as text. */
function isEntity(text: string, at: number): boolean {
  return /^&(?:quot|gt|lt|apos|nbsp|#3[49]|#x2[27]);/i.test(text.slice(at, at + 7));
}

/** A command goes on after `;` with a blank, which in a query string is `+`. */
function endsAtSemicolon(text: string, at: number): boolean {
  const next = text.charCodeAt(at + 1);
  return next === 43 || !(next > 32);
}

/** The URL is itself the value of a parameter of a request (`/login?next=http://…&x=1`): it ends at `&`. */
export function isParameter(text: string, start: number): boolean {
  if (text.charCodeAt(start - 1) !== 61) return false;
  for (let i = start - 2; i >= 0 && start - i < 256; i--) {
    const c = text.charCodeAt(i);
    if (c === 63) return true;
    if (c <= 32 || c === 34) return false;
  }
  return false;
}

/** A comma ends the URL when a blank or another URL follows. */
function endsAtComma(text: string, at: number): boolean {
  const next = text.charCodeAt(at + 1);
  return !(next > 32) || text.startsWith("http", at + 1);
}

function isClosing(c: number): boolean {
  return c === 46 || c === 44 || c === 59 || c === 58 || c === 33 || c === 63 || c === 42;
}
