import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable, pick } from "../contract/fields.ts";
import { isInternal } from "../intel/address-ranges.ts";
import { canonicalHost } from "../intel/canonical-host.ts";
import { canonicalIp, splitPort } from "../intel/canonical-ip.ts";
import { looksLikeHost } from "../intel/hosts.ts";
import type { Direction, Outcome } from "../model/alert.ts";
import { get, type JsonObject, text } from "../model/json.ts";

const SOURCE = ["srcip", "src_ip", "source_address", "src"] as const;
const DESTINATION = ["dstip", "dst_ip", "dest_ip", "destination_address", "dst"] as const;
const DENIED = /\b(?:den(?:y|ied)|drop(?:ped)?|block(?:ed)?|reject(?:ed)?)\b/i;
const ALLOWED = /\b(?:permit(?:ted)?|allow(?:ed)?|accept(?:ed)?|built)\b/i;
/** FortiGate's user agent. */
const AGENT = / agent="([^"]{1,2048})"/;
/** Palo Alto's field for a URL, a queried name or a file name. */
const FILE_NAME = /^[^\\/:*?"<>|\n]{1,200}\.[a-z0-9]{1,8}$/i;
const DIRECTIONS: ReadonlyMap<string, Direction> = new Map([
  ["inbound", "inbound"],
  ["incoming", "inbound"],
  ["in", "inbound"],
  ["ingress", "inbound"],
  ["outbound", "outbound"],
  ["outgoing", "outbound"],
  ["out", "outbound"],
  ["egress", "outbound"],
]);

/** Firewalls, VPN gateways and intrusion prevention: Cisco, Fortinet, Palo Alto, Check Point, Sophos, SonicWall, Juniper … */
export default defineExtractor({
  name: "firewall",
  fields: fieldTable(
    [
      "value",
      ["ip", "domain"],
      "nat",
      "nat_source_ip nat_destination_ip nat_src_ip nat_dst_ip natsrcip natdstip transip xlatesrc xlatedst tran_src_ip " +
        "tran_dst_ip mapped_src_ip mapped_dst_ip nat_src nat_dst src_translated_ip dst_translated_ip assignip tunnelip",
    ],
    ["value", ["ip", "domain"], "remote", "remip remote_gateway peer_gateway peer_ip peer vpn_peer peer_address"],
    ["value", ["ip", "domain"], "local", "locip local_ip local_address localip devip"],
    ["value", ["ip", "domain"], "server", "dstname scertcname qname"],
    [
      "skip",
      [],
      "text",
      "srcmac dstmac smac dmac mastersrcmac src_mac dst_mac mac devid logid logver loguid poluuid srcuuid dstuuid vd",
    ],
  ),
  applies: isFirewall,
  derive(event, emit) {
    const data = get(event, "data");
    const agent = pick(data, "agent") ?? AGENT.exec(text(event, "full_log")?.slice(0, 16_384) ?? "")?.[1];
    if (agent?.includes("/") === true)
      emit("user-agent", agent, "user-agent", pick(data, "agent") === undefined ? "full_log" : "data.agent");
    const misc = pick(data, "misc");
    if (misc !== undefined && FILE_NAME.test(misc) && !looksLikeHost(misc, undefined))
      emit("filename", misc, "file", "data.misc");
    const host = pick(data, "hostname", "dstname");
    const path = pick(data, "url");
    if (host === undefined || path?.startsWith("/") !== true || path.startsWith("//")) return;
    if (canonicalHost(host) === undefined && canonicalIp(host) === undefined) return;
    const secure = /https|ssl|443/i.test(`${pick(data, "service") ?? ""} ${pick(data, "dstport") ?? ""}`);
    emit("url", `${secure ? "https" : "http"}://${host}${path}`, "request", "data.url");
  },
  view(event): EventView {
    const data = get(event, "data");
    const src = pick(data, ...SOURCE);
    const dst = pick(data, ...DESTINATION);
    const outcome = outcomeOf(event);
    const inside = [src, dst].map(internalAddress).find((address) => address !== undefined);
    const direction =
      src === undefined || dst === undefined
        ? DIRECTIONS.get((pick(data, "direction", "dir", "conn_direction") ?? "").toLowerCase())
        : undefined;
    return {
      ...(outcome === undefined ? {} : { outcome }),
      ...(direction === undefined ? {} : { direction }),
      ...(inside === undefined ? {} : { entity: { kind: "ip" as const, name: inside } }),
      facts: factsFrom({ src, dst, user: pick(data, "user", "srcuser", "dstuser", "usrName") }),
    };
  },
});

const DECODERS =
  /^(?:cisco|pix|fortigate|forti|sonicwall|paloalto|checkpoint|sophos-fw|junos|netscreen|arbor|f5-bigip|pf|iptables|ufw|watchguard|mikrotik|opnsense|pfsense)/;

function isFirewall(event: JsonObject): boolean {
  if (DECODERS.test(text(event, "decoder", "name") ?? "")) return true;
  const data = get(event, "data");
  return (
    pick(data, "srcintf", "devid", "fw_action", "in_interface", "inbound_interface", "log_component") !== undefined
  );
}

function internalAddress(value: string | undefined): string | undefined {
  const address = value === undefined ? undefined : canonicalIp(splitPort(value).host);
  return address !== undefined && address !== "0.0.0.0" && isInternal(address) ? address : undefined;
}

/** Cisco and netfilter say it in the line, where `action` is something else or absent; the others in a field. */
function outcomeOf(event: JsonObject): Outcome | undefined {
  const action = text(event, "data", "action");
  const inLine = action === undefined || /^(?:cisco|pix|kernel)/.test(text(event, "decoder", "name") ?? "");
  return wordOutcome(inLine ? (text(event, "full_log")?.slice(0, 1_024) ?? "") : action);
}

function wordOutcome(words: string): Outcome | undefined {
  if (DENIED.test(words)) return "denied";
  return ALLOWED.test(words) ? "allowed" : undefined;
}
