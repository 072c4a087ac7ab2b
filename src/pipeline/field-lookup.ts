import type { Extractor, FieldRule } from "../contract/extractor.ts";
import { TiplineError } from "../lib/errors.ts";

/** Paths kept for reuse; names come from outside, so the memory must be bounded. */
const MAX_NODES = 20_000;
const MAX_KEY = 128;
const MAX_NAME = 200;

/** What is known about one place in an alert. Nodes are shared between alerts: finding the rule costs one Map lookup a key. */
export interface PathNode {
  readonly key: string;
  /** Normalised names from the root, joined by `_`. */
  readonly name: string;
  /** The same with camel case taken apart (`client_user_agent` for `clientUserAgent`). */
  readonly words: string;
  readonly rule: FieldRule | undefined;
  /** Last key in lower case: tells the scanner of "version" or "session_id". */
  readonly field: string;
  /** Names of the sibling that may hold the port of this address. */
  readonly portKeys: readonly string[];
  readonly children: Map<string, PathNode>;
}

/** All extractors' field tables as one lookup by longest tail of the path; camel case is taken apart where the name as it is has none. */
export class FieldLookup {
  readonly #rules = new Map<string, FieldRule>();
  readonly root: PathNode = {
    key: "",
    name: "",
    words: "",
    rule: undefined,
    field: "",
    portKeys: [],
    children: new Map(),
  };
  #nodes = 0;

  constructor(extractors: readonly Extractor[]) {
    for (const extractor of extractors) {
      for (const [name, rule] of Object.entries(extractor.fields)) this.#claim(extractor.name, name, rule);
    }
  }

  #claim(extractor: string, name: string, rule: FieldRule): void {
    const known = this.#rules.get(name);
    if (known !== undefined && !sameRule(known, rule)) {
      throw new TiplineError(
        "TIP_INTERNAL",
        `expected one rule for the field "${name}", found another one in extractor "${extractor}"`,
      );
    }
    this.#rules.set(name, rule);
  }

  /** The node of a key below another node. */
  child(parent: PathNode, key: string): PathNode {
    const known = parent.children.get(key);
    if (known !== undefined) return known;
    const part = normalise(key);
    const name = joined(parent.name, part);
    const words = joined(parent.words, normalise(withoutCamelCase(key)));
    const node: PathNode = {
      key,
      name,
      words,
      rule: this.#find(name) ?? (words === name ? undefined : this.#find(words)),
      field: part,
      portKeys: portKeysOf(key),
      children: new Map(),
    };
    if (this.#nodes < MAX_NODES && key.length <= MAX_KEY) {
      this.#nodes++;
      parent.children.set(key, node);
    }
    return node;
  }

  #find(name: string): FieldRule | undefined {
    for (let at = 0; ; ) {
      const rule = this.#rules.get(at === 0 ? name : name.slice(at));
      if (rule !== undefined) return rule;
      const next = name.indexOf("_", at);
      if (next < 0) return undefined;
      at = next + 1;
    }
  }
}

function joined(parent: string, part: string): string {
  return parent === "" ? part : `${parent}_${part}`.slice(-MAX_NAME);
}

/** `rawUserAgent` → `raw_User_Agent`, `ClientASN` → `Client_ASN`, `JA3Hash` → `JA3_Hash`. */
function withoutCamelCase(key: string): string {
  return key
    .slice(0, MAX_NAME)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2");
}

function sameRule(a: FieldRule, b: FieldRule): boolean {
  return a.reading === b.reading && a.role === b.role && a.types.join() === b.types.join();
}

/** Lower case; everything but letters and digits is a separator (`source.ip`, `User-Agent`, `@type`). */
function normalise(key: string): string {
  return key
    .slice(0, MAX_NAME)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_|_$/g, "");
}

const ADDRESS_ENDING = /(?:ip_?address|ip_?addr|address|addr|ip|_h)$/i;

/** `destinationIp` → `destinationPort`, `src_ip` → `src_port`, `ip` → `port`, `id.orig_h` → `id.orig_p`. */
function portKeysOf(key: string): readonly string[] {
  const match = key.length > 64 ? null : ADDRESS_ENDING.exec(key);
  if (match === null) return [];
  const stem = key.slice(0, match.index);
  if (match[0] === "_h") return [`${stem}_p`];
  if (stem === "") return ["port", "Port", "ipPort"];
  return [`${stem}port`, `${stem}Port`, `${stem}_port`, `${stem}${match[0].slice(0, 2)}Port`];
}
