import type { Finding, MispBlock } from "../model/finding.ts";
import { enrichedAlert } from "./enriched-alert.ts";
import { cleanBlock } from "./misp-block.ts";
import { trimBlock } from "./misp-trim.ts";

/** What the alert around a `misp` object takes at most where the original is not there. */
const SUBSTITUTE_BYTES = 8_192;
const MAX_LEAF = 1_000_000;

/**
 * The enriched alert of at most `maxBytes` bytes (at least 64 KiB), whole JSON in any case. What gives way first is the least important in
 * the `misp` object, named in `misp.truncated`; then the original alert, of which the rest is made of what is known (`truncated` names
 * `alert`).
 */
export function enrichedLine(finding: Finding, maxBytes: number): string {
  const whole = enrichedAlert(finding);
  const over = Buffer.byteLength(whole) - maxBytes;
  if (over <= 0) return whole;
  const block = cleanBlock(finding.misp);
  const room = Buffer.byteLength(JSON.stringify(Object.fromEntries(block))) - over;
  if (room > 0 && trimBlock(block, room, MAX_LEAF)) return enrichedAlert({ ...finding, misp: misp(block) });
  const bare = cleanBlock({ ...finding.misp, truncated: ["alert", finding.misp.truncated].filter(Boolean).join(",") });
  trimBlock(bare, maxBytes - SUBSTITUTE_BYTES, MAX_LEAF);
  const { id, node, rawHash, time, source, agent, rule, location } = finding.alert;
  const alert = {
    ...{ id: short(id), node: short(node), rawHash, time, source, raw: "" },
    ...(agent && {
      agent: {
        id: short(agent.id),
        ...(agent.name && { name: short(agent.name) }),
        ...(agent.ip && { ip: short(agent.ip) }),
      },
    }),
    ...(rule && { rule: { ...rule, id: short(rule.id), description: short(rule.description) } }),
    ...(location !== undefined && { location: short(location) }),
  };
  return enrichedAlert({ ...finding, alert, misp: misp(bare) });
}

const misp = (block: ReturnType<typeof cleanBlock>): MispBlock => Object.fromEntries(block) as unknown as MispBlock;
/** Six bytes a character at the very worst, eight such members. */
const short = (text: string): string => text.slice(0, 120).toWellFormed();
