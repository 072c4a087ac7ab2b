import { defineExtractor } from "../contract/define.ts";
import type { Emit, EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, type JsonObject, text } from "../model/json.ts";

/** `client @0x… 10.0.0.1#53 (evil.example): query: evil.example IN A`, `query[A] evil.example from 10.0.0.1`. */
const BIND_QUERY = /\bquery: ([^\s]{1,255}) IN ([A-Z0-9]{1,10})/;
const DNSMASQ =
  /\b(?:query\[[A-Z0-9]{1,10}\]|forwarded|config|gravity blocked|blacklisted|reply|cached) ([^\s]{1,255}) (?:from|to|is) ([^\s]{1,255})/;
/** Windows DNS debug log: `(3)www(4)evil(7)example(0)`. */
const WINDOWS_LABELS = /\((\d{1,2})\)([a-z0-9_-]{1,63})(?=\()/gi;

/** DNS servers: bind, dnsmasq, unbound, Windows DNS, and any product's query names and answers. */
export default defineExtractor({
  name: "dns",
  fields: fieldTable(
    [
      "value",
      ["domain", "ip"],
      "query",
      "rrname queryname query_name dns_query dns_rrname query_hostname question dns_qname dns_question querydomain",
    ],
    ["value", ["ip", "domain"], "answer", "rdata answer dns_answer"],
    [
      "list",
      ["ip", "domain"],
      "answer",
      "dns_answers dns_grouped_a dns_grouped_aaaa dns_grouped_cname grouped_a grouped_aaaa grouped_cname resolved_addresses",
    ],
    ["skip", [], "text", "query_class query_type qtype_name rrtype rcode_name"],
  ),
  applies: (event) => lineOf(event) !== undefined,
  derive(event, emit) {
    const line = lineOf(event);
    if (line === undefined) return;
    const query = BIND_QUERY.exec(line) ?? DNSMASQ.exec(line);
    if (query !== null) emit("domain", query[1]!, "query", "full_log");
    windowsName(line, emit);
  },
  view: (event): EventView => ({
    facts: factsFrom({
      src: text(event, "data", "srcip"),
      dst: text(event, "data", "dns", "rrname") ?? text(event, "data", "query", "hostname"),
    }),
  }),
});

function lineOf(event: JsonObject): string | undefined {
  const line = get(event, "full_log");
  if (typeof line !== "string") return undefined;
  return line.includes("query") || line.includes("(0)") || line.includes("dnsmasq") ? line.slice(0, 8_192) : undefined;
}

function windowsName(line: string, emit: Emit): void {
  if (!line.includes("(0)")) return;
  const labels: string[] = [];
  for (const [, length, label] of line.matchAll(WINDOWS_LABELS))
    if (Number(length) === label!.length) labels.push(label!);
  if (labels.length > 1) emit("domain", labels.slice(0, 32).join("."), "query", "full_log");
}
