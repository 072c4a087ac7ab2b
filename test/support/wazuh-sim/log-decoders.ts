import type { Fields } from "./decode.ts";
import type { DecoderTree } from "./decoder-tree.ts";

/** What the few log decoders of the sim make of a line; everything else stays undecoded, as with a manager that has no decoder for it. */
export interface DecodedLog {
  readonly decoder: string | undefined;
  readonly parentDecoder?: string | undefined;
  readonly category: string;
  readonly own: Map<string, string>;
  readonly fields: Fields;
  readonly predecoder?: Readonly<Record<string, string>>;
  /** Without the syslog header, where there is one. */
  readonly log?: string;
}

/** Decoders that this file is: those of their names in a decoder file are not asked. */
const BUILT_IN: ReadonlySet<string> = new Set(["json", "sshd", "web-accesslog", "windows_eventchannel"]);

const SYSLOG_HEAD = /^([A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d) (\S{1,255}) ([^\s[:]{1,128})(?:\[\d{1,10}\])?: /;
const SSHD =
  /^(?:Accepted \S+ for|Failed \S+ for(?: (?:invalid|illegal) user)?|Invalid user) (\S{0,128}) ?from (\S{1,64})(?: port (\d{1,5}))?/;
const ACCESS_LOG = /^(\S{1,64}) \S+ \S+ \[[^\]]{1,64}\] "(\w{1,16}) (\S{1,4096}) [^"]{0,32}" (\d{3}) /;

/** Syslog header, then sshd, a web access log, or a decoder of one's own. */
export function decodeLine(log: string, decoders?: DecoderTree): DecodedLog {
  const own = new Map<string, string>();
  const fields: Fields = new Map();
  const head = SYSLOG_HEAD.exec(log.slice(0, 1024));
  const access = head === null ? ACCESS_LOG.exec(log) : null;
  if (access !== null) {
    own.set("protocol", access[2]!).set("srcip", access[1]!).set("id", access[4]!).set("url", access[3]!);
    return { decoder: "web-accesslog", category: "web-log", own, fields };
  }
  if (head === null)
    return decoders?.decode(log, undefined, BUILT_IN) ?? { decoder: undefined, category: "syslog", own, fields };
  const [whole, timestamp = "", hostname = "", program = ""] = head;
  const body = log.slice(whole.length);
  own.set("program_name", program).set("hostname", hostname);
  const predecoder = { program_name: program, timestamp, hostname };
  if (program !== "sshd") {
    const decoded = decoders?.decode(body, program, BUILT_IN);
    for (const [name, value] of decoded?.own ?? []) own.set(name, value);
    return { decoder: undefined, category: "syslog", fields, ...decoded, own, predecoder, log: body };
  }
  const found = SSHD.exec(body);
  if (found?.[2] !== undefined) own.set("srcip", found[2]);
  const unknown = /(?:invalid|illegal) user/i.test(body);
  if (found?.[3] !== undefined && !(unknown && body.startsWith("Failed"))) own.set("srcport", found[3]);
  if (found?.[1]) own.set(unknown ? "srcuser" : "dstuser", found[1]);
  const parentDecoder = found === null ? undefined : "sshd";
  return { decoder: "sshd", parentDecoder, category: "syslog", own, fields, predecoder, log: body };
}

const SYSTEM_ATTRIBUTES: readonly (readonly [string, RegExp])[] = [
  ["providerName", /<Provider Name='([^']{0,256})'/],
  ["providerGuid", /<Provider [^>]{0,512}Guid='([^']{0,64})'/],
  ["systemTime", /<TimeCreated SystemTime='([^']{0,64})'/],
  ["processID", /<Execution ProcessID='(\d{1,10})'/],
  ["threadID", /<Execution [^>]{0,64}ThreadID='(\d{1,10})'/],
];
const SYSTEM_ELEMENTS = "EventID Version Level Task Opcode Keywords EventRecordID Channel Computer".split(" ");
const SEVERITIES: Readonly<Record<string, string>> = {
  "1": "CRITICAL",
  "2": "ERROR",
  "3": "WARNING",
  "4": "INFORMATION",
  "5": "VERBOSE",
};

/** Queue `f`: `{"Message":…,"Event":"<Event …>"}` of an agent's event channel, to `win.system.*` and `win.eventdata.*`. */
export function decodeEventChannel(log: string): DecodedLog | undefined {
  let body: { Message?: unknown; Event?: unknown };
  try {
    body = JSON.parse(log);
  } catch {
    return undefined;
  }
  const xml = typeof body.Event === "string" ? body.Event.replaceAll('"', "'") : "";
  const fields: Fields = new Map();
  const set = (name: string, value: string | undefined) => value && fields.set(name, value);
  for (const [name, pattern] of SYSTEM_ATTRIBUTES) set(`win.system.${name}`, pattern.exec(xml)?.[1]);
  for (const name of SYSTEM_ELEMENTS) {
    const value = new RegExp(`<${name}(?: [^>]{0,64})?>([^<]{0,512})</${name}>`).exec(xml)?.[1];
    set(`win.system.${firstLower(name)}`, value);
  }
  const level = fields.get("win.system.level");
  if (typeof level === "string") set("win.system.severityValue", SEVERITIES[level] ?? "INFORMATION");
  if (typeof body.Message === "string") set("win.system.message", JSON.stringify(body.Message));
  for (const found of xml.matchAll(/<Data Name='([^']{1,128})'>([^<]{0,32768})<\/Data>/g))
    if (found[2] !== "-") set(`win.eventdata.${firstLower(found[1]!)}`, found[2]!.replaceAll("\\", "\\\\"));
  return { decoder: "windows_eventchannel", category: "ossec", own: new Map(), fields };
}

/** `EventID` is written `eventID`, `SystemTime` `systemTime`, `TargetUserName` `targetUserName`. */
function firstLower(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
