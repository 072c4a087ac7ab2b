import type { Emit, EventView, Extractor } from "../contract/extractor.ts";
import type { IndicatorIndex } from "../intel/generation.ts";
import { MANAGER_MEMBERS } from "../intel/nominate.ts";
import { lineRecord } from "../intel/scan-record.ts";
import type { Extraction } from "../model/alert.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";
import type { CanonicalValue, Observable, ObservableType } from "../model/observable.ts";
import { Collector, type Place } from "./collect.ts";
import { completeView, ownNames } from "./event-view.ts";
import { FieldLookup, type PathNode } from "./field-lookup.ts";
import { unflatten } from "./unflatten.ts";

/** Deeper members and further ones of an alert are not looked at. */
const MAX_DEPTH = 64;
const MAX_MEMBERS = 50_000;
/** Strings that are JSON themselves (`full_log` of a JSON log) are walked, too: how long, and how deep in one another. */
const MAX_NESTED_LENGTH = 65_536;
const MAX_NESTED = 2;
/** Fields that hold whole lines of a log; shorter strings hold no members. */
const LINE_FIELDS = new Set([
  "full_log",
  "message",
  "msg",
  "raw",
  "log",
  "event_original",
  "raw_log",
  "syslog_message",
]);
const MIN_RECORD = 32;
/** A search reads longer strings last: they mostly repeat what the fields hold, and cost most. */
const LONG = 200;
const NONE: readonly (readonly [string, PathNode, JsonObject])[] = [];

/** Members of the manager where the document was flattened (`rule_description`). */
const MANAGER_PREFIX = /^(?:rule|decoder|manager|cluster|agent|predecoder|input|geolocation)[_.]/i;

/** What tells apart the alerts in which something is listed, before all of them is read. */
export type FindsIn = (
  event: JsonObject,
  index: Pick<IndicatorIndex, "lookup" | "nominates" | "nominatesText">,
) => boolean;

export interface Extract {
  /** Reads everything out of one alert. Pure and total: the same event gives the same extraction, and none makes it throw. */
  (event: JsonObject): Extraction<Observable>;
  /**
   * False only if no observable of the alert is covered by an indicator. Reads only the strings that the index nominates, and only
   * as far as the first that it covers.
   */
  readonly finds: FindsIn;
}

/** Compiles the extractors' tables once; throws only when two of them claim one field with different rules. */
export function createExtraction(extractors: readonly Extractor[]): Extract {
  const lookup = new FieldLookup(extractors);
  const extract = (written: JsonObject): Extraction<Observable> => {
    const { event, written: places } = unflatten(written);
    const collector = new Collector(ownNames(event));
    new Walk(lookup, collector).run(written);
    const views: EventView[] = [];
    for (const extractor of extractors) {
      if (extractor.applies === undefined || !extractor.applies(event)) continue;
      extractor.derive?.(event, emitInto(collector, places));
      const view = extractor.view?.(event);
      if (view !== undefined) views.push(view);
    }
    const observables = collector.observables;
    const extraction = { observables, ...completeView(event, views, observables) };
    return collector.truncated ? { ...extraction, truncated: true } : extraction;
  };
  return Object.assign(extract, { finds: createSearch(extractors, lookup) });
}

function createSearch(extractors: readonly Extractor[], lookup: FieldLookup): FindsIn {
  const deriving = extractors.filter(({ applies, derive }) => applies !== undefined && derive !== undefined);
  return (written, index) => {
    const { event } = unflatten(written);
    let nominated = false;
    const wanted = (text: string): boolean => {
      if (index.nominatesText?.(text) === false) return false;
      nominated = true;
      return true;
    };
    const search = new Collector(ownNames(event), (type, value) => isCovered(index, type, value));
    new Walk(lookup, search, wanted).run(written);
    // What is put together from several strings is covered only where one of them was nominated.
    if (search.found || !(nominated || index.nominates(written))) return search.found;
    for (const extractor of deriving) {
      if (extractor.applies?.(event) === true) extractor.derive?.(event, emitInto(search, NOWHERE));
      if (search.found) return true;
    }
    return false;
  };
}
const NOWHERE: ReadonlyMap<string, string> = new Map();

/** As `coveringIndicators` answers where no policy says otherwise. */
function isCovered(index: Pick<IndicatorIndex, "lookup">, type: ObservableType, value: CanonicalValue): boolean {
  if (type === "cve") return false;
  if (index.lookup(type, value).length > 0) return true;
  if (type !== "email") return false;
  return index.lookup("domain", value.slice(value.lastIndexOf("@") + 1) as CanonicalValue).length > 0;
}

function emitInto(collector: Collector, places: ReadonlyMap<string, string>): Emit {
  return (type, value, role, where, port) => {
    const place = places.get(where) ?? where;
    collector.derived(type, value, role, { where: () => place, port: () => port, field: "", nested: false }, port);
  };
}

class Walk implements Place {
  readonly #lookup: FieldLookup;
  readonly #collector: Collector;
  readonly #wanted: ((text: string) => boolean) | undefined;
  /** In a search: long strings, which wait until the short ones have been read. Undefined: none wait any more. */
  #later: (readonly [string, PathNode, JsonObject])[] | undefined;
  readonly #path: Array<string | number> = [];
  #parent: JsonObject | undefined;
  #node: PathNode;
  #members = 0;
  #nested = 0;
  /** Place of the outermost string that is JSON, while inside it. */
  #outer: string | undefined;

  /** `wanted`: strings for which it says no are not read. */
  constructor(lookup: FieldLookup, collector: Collector, wanted?: (text: string) => boolean) {
    this.#lookup = lookup;
    this.#collector = collector;
    this.#wanted = wanted;
    if (wanted !== undefined) this.#later = [];
    this.#node = lookup.root;
  }

  run(event: JsonObject): void {
    for (const key of Object.keys(event)) {
      if (MANAGER_MEMBERS.has(key) || MANAGER_PREFIX.test(key)) continue;
      this.#member(event, key, this.#lookup.root);
    }
    const later = this.#later ?? NONE;
    this.#later = undefined;
    for (const [value, node, owner] of later) if (!this.#collector.found) this.#leaf(value, node, owner);
  }

  get nested(): boolean {
    return this.#nested > 0;
  }

  get field(): string {
    return this.#node.field;
  }

  where(): string {
    if (this.#outer !== undefined) return this.#outer;
    let out = "";
    for (const part of this.#path) {
      if (typeof part === "number") out += `[${part}]`;
      else out += out === "" ? part : `.${part}`;
    }
    return out;
  }

  port(): number | undefined {
    if (this.#parent === undefined) return undefined;
    for (const key of this.#node.portKeys) {
      if (!Object.hasOwn(this.#parent, key)) continue;
      const port = Number(this.#parent[key]);
      if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
    }
    return undefined;
  }

  #member(owner: JsonObject, key: string, node: PathNode): void {
    if (this.#collector.found) return;
    if (++this.#members > MAX_MEMBERS) {
      this.#collector.truncated = true;
      return;
    }
    this.#named(owner, key, this.#lookup.child(node, key));
  }

  #visit(value: JsonValue, node: PathNode, owner: JsonObject): void {
    if (typeof value === "string") this.#leaf(value, node, owner);
    else if (typeof value === "number") {
      if (node.rule?.types.includes("asn") === true) this.#leaf(String(value), node, owner);
    } else if (Array.isArray(value)) this.#array(value, node, owner);
    else if (isJsonObject(value) && this.#path.length < MAX_DEPTH) {
      const named = namedValue(value);
      for (const key of Object.keys(value)) {
        if (named !== undefined && (key === "value" || key === "Value"))
          this.#named(value, key, this.#lookup.child(node, named));
        else this.#member(value, key, node);
      }
    }
  }

  #named(owner: JsonObject, key: string, node: PathNode): void {
    const value = owner[key];
    if (value === null || value === undefined || typeof value === "boolean") return;
    this.#path.push(key);
    this.#visit(value, node, owner);
    this.#path.pop();
  }

  #array(values: readonly JsonValue[], node: PathNode, owner: JsonObject): void {
    if (this.#path.length >= MAX_DEPTH) return;
    const length = Math.min(values.length, MAX_MEMBERS - this.#members);
    if (length < values.length) this.#collector.truncated = true;
    for (let i = 0; i < length; i++) {
      this.#members++;
      this.#path.push(i);
      this.#visit(values[i]!, node, owner);
      this.#path.pop();
    }
  }

  #leaf(value: string, node: PathNode, owner: JsonObject): void {
    if (value.length < 3) return;
    if (this.#wanted !== undefined) {
      if (value.length > LONG && this.#later !== undefined && this.#nested === 0) {
        this.#later.push([value, node, owner]);
        return;
      }
      if (!this.#wanted(value)) return;
    }
    if (value.charCodeAt(0) === 123 && this.#json(value, node)) return;
    this.#node = node;
    this.#parent = owner;
    if (node.rule !== undefined) this.#collector.field(value, node.rule, this);
    else {
      this.#collector.text(value, this);
      if (value.length > MIN_RECORD && LINE_FIELDS.has(node.field)) this.#record(value, node);
    }
  }

  /** A line in a format with named members: those whose names are known are read as fields, beside the line as text. */
  #record(value: string, node: PathNode): void {
    const record = lineRecord(value);
    if (record === undefined) return;
    const format = this.#lookup.child(node, record.format);
    this.#parent = undefined;
    this.#nested++;
    for (const [name, text] of record.members) {
      const child = this.#lookup.child(format, name);
      if (child.rule === undefined || text.length < 3) continue;
      this.#node = child;
      this.#collector.field(text, child.rule, this);
    }
    this.#nested--;
  }

  /** A string that is a JSON object: its members are read by their names. False when it is not, or too long or deep. */
  #json(value: string, node: PathNode): boolean {
    if (this.#nested >= MAX_NESTED || value.length > MAX_NESTED_LENGTH || node.rule?.reading === "skip") return false;
    const inner = parseObject(value);
    if (inner === undefined) return false;
    const outer = this.#outer;
    this.#outer ??= this.where();
    this.#nested++;
    for (const key of Object.keys(inner)) this.#member(inner, key, node);
    this.#nested--;
    this.#outer = outer;
    return true;
  }
}

function parseObject(text: string): JsonObject | undefined {
  // A failed parse is dear, and every GUID of a Windows event begins with a brace.
  const second = text.charCodeAt(1);
  if (second !== 34 && second !== 125 && second > 32) return undefined;
  if (text.charCodeAt(text.trimEnd().length - 1) !== 125) return undefined;
  try {
    const value: JsonValue = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The name in `{"Name": "UserAgent", "Value": "…"}`, or undefined: such a value is read as a member of that name. */
function namedValue(owner: JsonObject): string | undefined {
  if (!Object.hasOwn(owner, "value") && !Object.hasOwn(owner, "Value")) return undefined;
  for (const key of ["name", "Name", "key", "Key"]) {
    const name = Object.hasOwn(owner, key) ? owner[key] : undefined;
    if (typeof name === "string" && /^[\w .-]{1,64}$/.test(name)) return name;
  }
  return undefined;
}
