/** What stands around a candidate in free text: the words that turn an address into a version and a hash into an id. */

/** How far a look behind goes; keeps a scan linear. */
const MAX_WORD = 40;

/**
 * The word before a position, lower case, blanks and `=:"'([<` between skipped (`"request_id": "` gives `request_id`);
 * at the start of the text the name of the field it came from.
 */
export function wordBefore(text: string, at: number, field: string): string {
  let end = at;
  for (let skipped = 0; end > 0 && skipped < 6 && isBetween(text.charCodeAt(end - 1)); skipped++) end--;
  if (end === 0) return field;
  let start = end;
  while (start > 0 && end - start < MAX_WORD && isWord(text.charCodeAt(start - 1))) start--;
  return text.slice(start, end).toLowerCase();
}

function isBetween(c: number): boolean {
  return (
    c === 32 ||
    c === 61 ||
    c === 58 ||
    c === 34 ||
    c === 39 ||
    c === 92 ||
    c === 40 ||
    c === 41 ||
    c === 91 ||
    c === 60 ||
    c === 9
  );
}

function isWord(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c === 45 || c === 46;
}

const ID_WORD =
  /session|request|correl|trace|span|token|cookie|nonce|guid|uuid|csrf|secret|passw|etag|serial|jsessionid|phpsessid/;
const ID_ENDING = /(?:^|[_.-])(?:id|ids|uid|key|sid|req|sess|tid|rid|cid)$|(?:id|key)$/;

/** The word names an id or a secret, so that hex beside it is not a hash. */
export function namesId(word: string): boolean {
  return ID_WORD.test(word) || ID_ENDING.test(word);
}

const VERSION_WORD =
  /version$|(?:^|[_.-])(?:ver|v|release|rel|build|revision|rev|firmware|oid|fw)$|^(?:upgraded?|updated?)$/;

/** The word says that dotted numbers are a version. */
export function namesVersion(word: string): boolean {
  return VERSION_WORD.test(word) && word !== "fw";
}

/** Interfaces that firewalls write before an address with a slash (`outside/1.2.3.4`). */
const INTERFACE =
  /(?:direct|parent|sibling|hit|none|inside|outside|dmz|mgmt|management|lan|wan|internal|external|untrust|trust|client|server|host|ip|src|dst|from|to|eth\d{1,2})$/i;

/** Vendor and product of a CEF or LEEF header, which the product's version follows. */
const EVENT_HEADER = /(?:CEF|LEEF):[\d.]{1,4}\|[^|]{0,64}\|[^|]{0,64}\|$/;
const MAX_HEADER = 150;

/** `Chrome/91.0.4.124`, `pkg-1.2.3.4`, `version 1.2.3.4`: dotted numbers that are no address. */
export function isVersion(text: string, start: number, end: number, field: string): boolean {
  const before = text.charCodeAt(start - 1);
  if (before === 47 && isLetter(text.charCodeAt(start - 2))) {
    const after = text.charCodeAt(end);
    if (after === 40 || after === 47) return false;
    return !INTERFACE.test(text.slice(Math.max(0, start - 16), start - 1));
  }
  if (before === 45 || before === 95 || before === 46) return true;
  if (before === 92) return !isUncHost(text, start);
  if (before === 124 && EVENT_HEADER.test(text.slice(Math.max(0, start - MAX_HEADER), start))) return true;
  if (text.charCodeAt(end) === 92 && isPathCharacter(text.charCodeAt(end + 1))) return true;
  if (before === 58 && isTag(text, start - 1)) return true;
  if (/^ ?[<>]=? /.test(text.slice(end, end + 4))) return true;
  const gap = before === 32 ? 1 : before === 40 && text.charCodeAt(start - 2) === 32 ? 2 : 0;
  if (gap > 0 && PRODUCT.test(text.slice(Math.max(0, start - 24), start - gap))) return true;
  return namesVersion(wordBefore(text, start, field));
}

function isLetter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57);
}

function isPathCharacter(c: number): boolean {
  return isLetter(c) || c === 92;
}

/** `registry.example/tools/miner:1.4.2.9`: the tag of a container image. */
function isTag(text: string, colon: number): boolean {
  let at = colon;
  while (at > 0 && colon - at < 64 && isWord(text.charCodeAt(at - 1))) at--;
  return at < colon && text.charCodeAt(at - 1) === 47 && text.charCodeAt(at - 2) !== 47;
}

/** Products that are written before their version with a blank only (`OpenSSL 3.0.2.15`). */
const PRODUCT =
  /(?:\b|-|[a-z])(?:os|ssl|tls|sdk|kernel|linux|windows|chrome|chromium|firefox|edge|safari|opera|browser|java|jdk|jre|python|php|perl|ruby|node|nginx|apache|httpd|openssh|putty|driver|engine|defs|android|office|outlook|acrobat|reader|flash|teams|zoom|vmware|esxi|plugin|patch|firmware|software|package|framework|foundation|runtime|content|lib[a-z0-9]{2,16})$/i;

const USER_WORD =
  /(?:user(?:name)?|account(?: name)?|login|logname|password for|publickey for|principal|owner)[\s:='"[(]{1,6}(?:[a-z0-9.-]{1,20}\\{1,2})?$/i;

/** A dotted name after "user", "account name" … is a person (`Failed password for anna.li`). */
export function namesUser(text: string, start: number): boolean {
  return USER_WORD.test(text.slice(Math.max(0, start - 40), start));
}

const FILE_WORD =
  /file_?name$|(?:^|[_.-])(?:file|attachment|image|module|package|pkg)$|^(?:perl|python3?|bash|sh|zsh|ruby|php|source)$/;

/** The word says that a dotted name is a file (`filename="eicar.com"`, `perl script.pl`). */
export function namesFile(word: string): boolean {
  return FILE_WORD.test(word);
}

const SERVICE_PRINCIPAL =
  /(?:^|[^a-z0-9])(?:https?|host|cifs|ldap|gc|krbtgt|termsrv|mssqlsvc|wsman|dns|rpcss|imap|smtp)$/i;

/**
 * Whether a dotted name stands where a host can stand: not inside a path (`C:\x\evil.com`, `/var/evil.com/`), not a variable
 * (`$x.name`), not a key (`user.name=`), not a call (`x.call(`). A UNC host (`\\evil.com\share`), `//evil.com` and a service
 * principal (`HTTP/web.example.com`) are.
 */
export function standsAsHost(text: string, start: number, end: number): boolean {
  const after = text.charCodeAt(end);
  if (after === 61 || (after === 40 && !isDigit(text.charCodeAt(end + 1)))) return false;
  const before = text.charCodeAt(start - 1);
  if (before === 92) return isUncHost(text, start);
  if (before === 47) {
    if (text.charCodeAt(start - 2) === 47) return true;
    return SERVICE_PRINCIPAL.test(text.slice(Math.max(0, start - 12), start - 1));
  }
  if (before === 36 || before === 43) return false;
  if (before === 123 && text.charCodeAt(start - 2) === 36) return false;
  return true;
}

function isUncHost(text: string, start: number): boolean {
  let at = start - 1;
  while (at > 0 && start - at < 8 && text.charCodeAt(at - 1) === 92) at--;
  const count = start - at;
  if (count < 2 || at === 0) return count >= 2;
  const before = text.charCodeAt(at - 1);
  return !(isWord(before) || before === 58 || before === 37 || before === 41 || before === 125 || before === 93);
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}
