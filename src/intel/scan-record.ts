/**
 * Lines that carry named members: CEF, LEEF, Cisco's security events (`%FTD-…: Name: value, …`), and the lines of firewalls
 * that write `name="value"` (Fortinet, Sophos) or `name:"value";` (Check Point).
 */

/** Longer lines and further members are not read. */
const MAX_LINE = 65_536;
const MAX_MEMBERS = 512;
const MAX_NAME = 64;

const CEF_KEY = /(?:^|\s)([a-z][\w.[\]-]{0,63})=/gi;
const FTD = /%(?:FTD|NGIPS)-\d-43\d{4}: /;
const FTD_KEY = /(?:^|, )([A-Z][A-Za-z0-9_]{1,40}): /g;
/** Names with which only these firewalls begin their lines. */
const FIREWALL = /(?:^|\s)(?:devname|device_name|devid|logid|log_id)=|\sCheckPoint \d{1,8} - \[/;
const PAIR = /(?:^|[\s[;])([a-z][\w.-]{0,40})[=:](?:"([^"]{0,8192})"|([^\s";]{1,2048}))/gi;
const CUSTOM_NAME = /^[\w .-]{1,64}$/;

/** A format and the members of a line, by their names in it. */
export interface LineRecord {
  readonly format: "cef" | "leef" | "ftd" | "pairs";
  readonly members: ReadonlyMap<string, string>;
}

/** The members of a line in one of the formats above, or undefined. Linear. */
export function lineRecord(line: string): LineRecord | undefined {
  const text = line.length > MAX_LINE ? line.slice(0, MAX_LINE) : line;
  if (text.includes("EF:")) {
    const leef = text.indexOf("LEEF:");
    if (leef >= 0) return record("leef", leefMembers(text.slice(leef)));
    const cef = text.indexOf("CEF:");
    if (cef >= 0) return record("cef", cefMembers(text.slice(cef)));
  }
  if (text.includes("%FTD-") || text.includes("%NGIPS-")) {
    const ftd = FTD.exec(text);
    return ftd === null ? undefined : record("ftd", keyed(text.slice(ftd.index + ftd[0].length), FTD_KEY));
  }
  return FIREWALL.test(text) ? record("pairs", pairs(text)) : undefined;
}

function pairs(text: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const [, name, quoted, plain] of text.matchAll(PAIR)) {
    if (members.size >= MAX_MEMBERS) break;
    if (!members.has(name!)) members.set(name!, quoted ?? plain!);
  }
  return members;
}

function record(format: LineRecord["format"], members: Map<string, string> | undefined): LineRecord | undefined {
  return members === undefined || members.size === 0 ? undefined : { format, members: withCustomNames(members) };
}

/** `CEF:0|vendor|product|version|id|name|severity|a=b c=d e`: a value goes on to the next key. */
function cefMembers(text: string): Map<string, string> | undefined {
  const start = afterPipes(text, 7);
  if (start === undefined) return undefined;
  const members = keyed(text.slice(start), CEF_KEY);
  for (const [name, value] of members) if (value.includes("\\")) members.set(name, value.replace(/\\([\\=|])/g, "$1"));
  return members;
}

/** `LEEF:1.0|vendor|product|version|id|a=b<tab>c=d`; 2.0 names the separator before the members. */
function leefMembers(text: string): Map<string, string> | undefined {
  const two = text.startsWith("LEEF:2");
  const start = afterPipes(text, two ? 6 : 5);
  if (start === undefined) return undefined;
  const separator = two ? leefSeparator(text.slice(afterPipes(text, 5) ?? start, start - 1)) : "\t";
  const body = text.slice(start);
  const members = new Map<string, string>();
  for (const member of body.split(body.includes(separator) ? separator : /\\t|#011/, MAX_MEMBERS)) {
    const sign = member.indexOf("=");
    if (sign > 0 && sign <= MAX_NAME) members.set(member.slice(0, sign).trim(), member.slice(sign + 1).trim());
  }
  return members;
}

/** The character itself, or its code (`x5E`, `0x09`); a tab when not given. */
function leefSeparator(written: string): string {
  const code = /^(?:0?x|\\x|u)([0-9a-f]{2,4})$/i.exec(written.trim())?.[1];
  const separator = code === undefined ? written : String.fromCharCode(Number.parseInt(code, 16));
  // A character of words would cut values in two, and the gate over raw strings would not see the pieces.
  return separator.length === 1 && !/[\w.-]/.test(separator) ? separator : "\t";
}

/** Where the text goes on behind so many `|`; those after a backslash do not count. */
function afterPipes(text: string, count: number): number | undefined {
  let left = count;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 92) at++;
    else if (c === 124 && --left === 0) return at + 1;
  }
  return undefined;
}

/** Names and what stands between one name and the next. */
function keyed(text: string, key: RegExp): Map<string, string> {
  const members = new Map<string, string>();
  let name: string | undefined;
  let from = 0;
  for (const match of text.matchAll(key)) {
    if (name !== undefined) members.set(name, text.slice(from, match.index).trim());
    if (members.size >= MAX_MEMBERS) return members;
    name = match[1]!;
    from = match.index + match[0].length;
  }
  if (name !== undefined) members.set(name, text.slice(from).trim());
  return members;
}

/** `cs1Label=Referer cs1=http://…`: the member by the name that its label gives. */
function withCustomNames(members: Map<string, string>): Map<string, string> {
  for (const [label, name] of [...members]) {
    if (!label.endsWith("Label") || !CUSTOM_NAME.test(name)) continue;
    const key = label.slice(0, -5);
    const value = members.get(key);
    if (value === undefined || members.has(name)) continue;
    members.delete(key);
    members.set(name, value);
  }
  return members;
}
