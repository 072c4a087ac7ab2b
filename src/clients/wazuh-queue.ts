import { isIP } from "node:net";
import { toUSVString } from "node:util";
import type { Agent } from "../model/alert.ts";
import type { MispBlock } from "../model/finding.ts";
import { blockJson, type CleanBlock, cleanBlock, isList, mapLeaves, plainJson } from "./misp-block.ts";
import { cutBytes, trimBlock } from "./misp-trim.ts";

/**
 * The wire of Wazuh's queue socket (4.x): one event a datagram, `<queue>:<location>:<message>`. Nothing here sends.
 *
 * Wazuh raises no alert, and says nothing, for a message with a leading space, line break or byte order mark, for pretty-printed
 * JSON, a second document, a NUL, a lone surrogate, or more bytes than it reads: so none of these is ever produced.
 */

/** Header and all; from 65,536 bytes on Wazuh cuts the datagram, which then is no JSON. */
export const MAX_DATAGRAM = 65_535;
/** Lucene's limit of a keyword: above it the indexer rejects the whole document. Two bytes are left for quotes. */
const MAX_LEAF = 32_766 - 2;
/** A leaf of so many UTF-16 units has no more than MAX_LEAF bytes, whatever is in it. */
const UNMEASURED_LEAF = Math.floor(MAX_LEAF / 3);
/** `1`: the queue of log lines, which are given to the decoders. */
const QUEUE = "1";
/** What our rules look for at the end of the location. */
const ORIGIN = "misp";
const MAX_NAME = 128;
const MAX_ID = 32;
/** Wazuh's own id for the manager itself. */
const MANAGER = "000";

/**
 * Location that keeps the agent's identity: `[id] (name) ip->misp`, with `|` and `:` escaped by `|`. The manager itself and
 * an alert without agent give plain `misp`, which Wazuh reads as agent 000. Characters that would end a part early are
 * replaced: every part may be an attacker's choice.
 */
export function encodeLocation(agent?: Agent): string {
  const id = agentId(agent);
  if (agent === undefined || id === "" || id === MANAGER) return ORIGIN;
  const name = cleanName(agent.name ?? "") || id;
  const ip = agent.ip !== undefined && isIP(agent.ip) !== 0 ? agent.ip : "any";
  return `[${id}] (${name}) ${ip}->${ORIGIN}`.replace(/[|:]/g, "|$&");
}

const agentId = (agent?: Agent): string => (agent?.id ?? "").slice(0, MAX_ID).replace(/[^A-Za-z0-9._-]/g, "_");

/** Controls, both parentheses and `>` (of `->`) have a meaning in a location; slashes tell our rules that it is a file's. */
function cleanName(name: string): string {
  return cutBytes(toUSVString(name), MAX_NAME).replace(/[\p{Cc}\u2028\u2029()>/\\]/gu, "_");
}

/**
 * The message: `{"integration":"misp","misp":{…}}`, compact, `integration` first (after its 256th field Wazuh stops
 * reading, and a rule that tests it would stay silent). Undefined: it cannot be made to fit into `maxBytes`.
 *
 * A rule's description shows `$(misp.value)` literally when the value is longer than about 900 characters; the alert itself is whole.
 */
export function encodeEvent(misp: MispBlock, maxBytes: number = MAX_DATAGRAM): string | undefined {
  return eventOf(misp, misp.agent, maxBytes);
}

function eventOf(misp: MispBlock, agent: MispBlock["agent"], maxBytes: number): string | undefined {
  const room = maxBytes - envelope("").length;
  const plain = plainJson(misp, UNMEASURED_LEAF, agent);
  if (plain !== undefined && (plain.length * 3 <= room || Buffer.byteLength(plain) <= room)) return envelope(plain);
  const block = trimmed(agent === misp.agent ? misp : { ...misp, ...(agent && { agent }) }, room);
  return block && envelope(blockJson(block));
}

/** The `misp` object as it would be sent: least important members cut, then dropped, until its JSON has at most `maxBytes`. */
export function trimToFit(misp: MispBlock, maxBytes: number): MispBlock | undefined {
  const block = trimmed(misp, maxBytes);
  return block && (Object.fromEntries(block) as unknown as MispBlock);
}

/**
 * The block with the agent's identity in it. Rules can compare events by fields only, and a field that neither event has counts
 * as different, so it is always there; the location says it too, but not where findings come in by the server API.
 */
export function withAgent(misp: MispBlock, agent?: Agent): MispBlock {
  return { ...misp, agent: identityOf(agent) };
}

type Identity = NonNullable<MispBlock["agent"]>;

function identityOf(agent?: Agent): Identity {
  const id = agentId(agent) || MANAGER;
  const ip = agent?.ip !== undefined && isIP(agent.ip) !== 0 ? agent.ip : undefined;
  const name = cleanName(agent?.name ?? "") || (id === MANAGER ? "manager" : id);
  return ip === undefined ? { id, name } : { id, name, ip };
}

/** The whole datagram. Undefined: not even the trimmed event fits, which the limits of this file make impossible. */
export function encodeDatagram(misp: MispBlock, agent?: Agent): Buffer | undefined {
  const { header, headerBytes, identity } = addressOf(agent);
  const event = eventOf(misp, identity, MAX_DATAGRAM - headerBytes);
  return event === undefined ? undefined : Buffer.from(header + event);
}

interface Address {
  readonly header: string;
  readonly headerBytes: number;
  readonly identity: Identity;
}

/** The same agents come again and again; an agent's members are an attacker's choice, hence the bounds. */
const addresses = new Map<string, Address>();
const MOST_ADDRESSES = 4096;
const MOST_KEY = 512;

function addressOf(agent?: Agent): Address {
  const key = JSON.stringify([agent?.id, agent?.name, agent?.ip]);
  const known = addresses.get(key);
  if (known !== undefined) return known;
  const header = `${QUEUE}:${encodeLocation(agent)}:`;
  const address = { header, headerBytes: Buffer.byteLength(header), identity: identityOf(agent) };
  if (addresses.size >= MOST_ADDRESSES) addresses.clear();
  if (key.length <= MOST_KEY) addresses.set(key, address);
  return address;
}

const envelope = (misp: string): string => `{"integration":"${ORIGIN}","misp":${misp}}`;

function trimmed(misp: MispBlock, maxBytes: number): CleanBlock | undefined {
  const block = cleanBlock(misp);
  // Quoting comes last, because a cut may make a list of what was none; its room is kept free.
  if (!trimBlock(block, maxBytes - 2 * countBrackets(block), MAX_LEAF)) return undefined;
  for (const [name, value] of block) if (!isList(value)) block.set(name, mapLeaves(value, quoteLists));
  return block;
}

/** How many strings may need quotes. */
function countBrackets(block: CleanBlock): number {
  let count = 0;
  for (const value of block.values()) {
    if (isList(value)) continue;
    const leaves = typeof value === "string" ? [value] : Object.values(value);
    count += leaves.filter((leaf) => leaf.startsWith("[")).length;
  }
  return count;
}

/** Wazuh turns a string that reads as a JSON array into one; `misp.value` must stay a string. */
function quoteLists(leaf: string): string {
  return leaf.startsWith("[") && leaf.endsWith("]") && readsAsList(leaf) ? `'${leaf}'` : leaf;
}

/** Wazuh's parser (cJSON) takes more than JSON does: raw control characters, and numbers such as `01` or `+1.`. */
function readsAsList(leaf: string): boolean {
  try {
    JSON.parse(leaf.replace(/[\x00-\x1f]/g, " ").replace(/([[,:] *)[-+0-9.][-+0-9.eE]*/g, "$10"));
    return true;
  } catch {
    return false;
  }
}
