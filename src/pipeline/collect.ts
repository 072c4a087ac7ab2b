import type { FieldRule } from "../contract/extractor.ts";
import { canonicalize } from "../intel/canonical.ts";
import { canonicalHost } from "../intel/canonical-host.ts";
import { canonicalIp, splitPort } from "../intel/canonical-ip.ts";
import { parseUrl } from "../intel/canonical-url.ts";
import { isReverseName } from "../intel/hosts.ts";
import { hashType, scanText, worthScanning } from "../intel/scan.ts";
import { scanCommand } from "../intel/scan-command.ts";
import { fileNames, isResourceList, resources, severalNames } from "../intel/scan-files.ts";
import type { CanonicalValue, Observable, ObservableType, Role } from "../model/observable.ts";

/** Observables kept of one alert; more are dropped and the extraction says so. */
export const MAX_OBSERVABLES = 2_000;
const MAX_SEEN = 512;
const MAX_LIST = 512;

/** How well a place is known: a field of its own, text of a known role, or just text. */
const FIELD = 4;
const NESTED = 3;
const KNOWN_TEXT = 2;
const TEXT = 1;

/** Where a string was found, built only when something is emitted. */
export interface Place {
  where(): string;
  /** Port beside the address, from a sibling field. */
  port(): number | undefined;
  readonly field: string;
  /** Inside a string that is itself JSON; the same value in a member of the alert is the better place. */
  readonly nested: boolean;
}

/** Is the observable one that is looked for? */
export type IsWanted = (type: ObservableType, value: CanonicalValue) => boolean;

/** Collects the observables of one alert: each (type, value) once, with its best-known place. */
export class Collector {
  readonly #best = new Map<string, { observable: Observable; rank: number }>();
  /** Names of the alert's own computer, lower case: the entity, not an observable. */
  readonly #own: ReadonlySet<string>;
  /** Values of fields that hold users, and local parts of addresses: `john.it` in the log line is then no host. */
  readonly #users = new Set<string>();
  readonly #isWanted: IsWanted | undefined;
  truncated = false;
  /** An observable was found that is looked for. */
  found = false;

  /** `isWanted`: nothing is collected, it is only seen whether there is such an observable. */
  constructor(own: ReadonlySet<string>, isWanted?: IsWanted) {
    this.#own = own;
    this.#isWanted = isWanted;
  }

  get observables(): readonly Observable[] {
    const kept: Observable[] = [];
    for (const { observable, rank } of this.#best.values()) {
      if (rank < FIELD && observable.type === "domain" && this.#isPerson(observable.value)) continue;
      kept.push(observable);
    }
    return kept;
  }

  /** A name is a person's only where no URL of the alert leads there: nobody hides a host by calling a user like it. */
  #isPerson(name: CanonicalValue): boolean {
    if (!this.#users.has(name)) return false;
    for (const { observable } of this.#best.values()) {
      if (observable.type !== "url") continue;
      const rest = observable.value.slice(observable.value.indexOf("://") + 3);
      if (rest.startsWith(name) && /^[:/]/.test(rest.slice(name.length))) return false;
    }
    return true;
  }

  /** A string in a field without a rule. */
  text(raw: string, place: Place, role: Role = "text"): void {
    const bits = worthScanning(raw);
    if (bits === 0) return;
    const rank = role === "text" ? TEXT : KNOWN_TEXT;
    scanText(
      raw,
      (type, value, seen, port) => this.#scanned(type, value, seen, port, role, place, rank),
      place.field,
      bits,
    );
  }

  /** A string in a field with a rule. */
  field(raw: string, rule: FieldRule, place: Place): void {
    if (rule.role === "user") this.#user(raw);
    switch (rule.reading) {
      case "skip":
        return;
      case "text":
        this.text(raw, place, rule.role);
        return;
      case "command":
        this.#command(raw, rule.role, place);
        return;
      case "hashes":
        this.#hashes(raw, rule.role, place);
        return;
      case "list":
        for (const piece of piecesOf(raw, rule)) this.#value(piece, rule, place);
        return;
      default:
        this.#values(raw, rule, place);
    }
  }

  /** One value that an extractor put together; dropped when it is not one of its type. */
  derived(type: ObservableType, raw: string, role: Role, place: Place, port?: number): void {
    this.#typed(type, raw, role, place, port);
  }

  /** `h.su` of `h.su@corp.example`: a surname may be a country's domain, hardly any other. */
  #person(local: string): void {
    if (/^[^.]{1,63}\.[a-z]{2}$/.test(local)) this.#users.add(local);
  }

  #user(raw: string): void {
    if (raw.length < 256)
      this.#users.add(raw.slice(Math.max(raw.lastIndexOf("\\"), raw.lastIndexOf("/")) + 1).toLowerCase());
  }

  #command(raw: string, role: Role, place: Place): void {
    scanCommand(
      raw,
      (type, value, seen, port) => this.#scanned(type, value, seen, port, role, place, KNOWN_TEXT),
      place.field,
    );
  }

  /** A field of one value in which some products write several. */
  #values(raw: string, rule: FieldRule, place: Place): void {
    const { types, role } = rule;
    if (types.includes("path") && isResourceList(raw)) {
      for (const part of resources(raw))
        if (!part.types.some((type) => this.#typed(type, part.value, role, place))) this.text(part.value, place, role);
      return;
    }
    const names = types.includes("filename") ? severalNames(raw) : undefined;
    if (names === undefined) this.#value(raw, rule, place);
    else for (const name of names) this.#value(name, rule, place);
  }

  #value(raw: string, rule: FieldRule, place: Place): void {
    for (const type of rule.types) if (this.#typed(type, raw, rule.role, place, place.port())) return;
    if (rule.role !== "user") this.text(raw, place, rule.role);
    else if (raw.includes("@") || raw.includes("/")) this.text(raw, place, rule.role);
  }

  #typed(type: ObservableType, raw: string, role: Role, place: Place, port?: number): boolean {
    const rank = place.nested ? NESTED : FIELD;
    if (type === "url") return this.#url(raw, role, place);
    const value = canonicalize(type, raw);
    if (value === undefined) return false;
    if (type === "path" && HIVE.test(value)) return this.#typed("regkey", raw, role, place);
    if (type === "path" && !isAbsolute(value, raw)) return false;
    if (!isWanted(type, value) || (type === "domain" && this.#own.has(value))) return true;
    const beside = type === "ip" || type === "domain" ? (splitPort(raw).port ?? port) : undefined;
    this.#add(type, value, raw, role, place, rank, beside);
    if (type === "user-agent" && (raw.includes("://") || raw.includes("@"))) this.text(raw, place, role);
    return true;
  }

  #url(raw: string, role: Role, place: Place): boolean {
    const parts = parseUrl(raw);
    if (parts === undefined) return false;
    const rank = place.nested ? NESTED : FIELD;
    this.#add("url", parts.url, raw, role, place, rank, parts.port);
    const address = canonicalIp(parts.host);
    const name = address === undefined ? canonicalHost(parts.host) : undefined;
    if (address !== undefined) this.#add("ip", address, parts.host, role, place, rank, parts.port);
    else if (name !== undefined && !isReverseName(name))
      this.#add("domain", name, parts.host, role, place, rank, parts.port);
    if (parts.path.includes("?") || parts.path.includes(":")) this.text(raw, place, role);
    return true;
  }

  #hashes(raw: string, role: Role, place: Place): void {
    for (const piece of raw.split(/[,;|\s]+/, MAX_LIST)) {
      const sign = Math.max(piece.indexOf("="), piece.indexOf(":"));
      const hex = piece.slice(sign + 1);
      const type = hashType(piece.slice(0, Math.max(sign, 0)).toLowerCase(), hex.length);
      const value = type === undefined ? undefined : canonicalize(type, hex);
      if (type !== undefined && value !== undefined)
        this.#add(type, value, hex, role, place, place.nested ? NESTED : FIELD);
    }
  }

  #scanned(
    type: ObservableType,
    value: CanonicalValue,
    seen: string,
    port: number | undefined,
    role: Role,
    place: Place,
    rank: number,
  ): void {
    if (type === "domain" && (role === "user" || this.#own.has(value) || PLACEHOLDER.test(value))) return;
    this.#add(type, value, seen, role, place, rank, port);
  }

  #add(
    type: ObservableType,
    value: CanonicalValue,
    seen: string,
    role: Role,
    place: Place,
    rank: number,
    port?: number,
  ): void {
    if (this.#isWanted !== undefined) {
      this.found ||= this.#isWanted(type, value);
      return;
    }
    const key = `${type} ${value}`;
    const known = this.#best.get(key);
    if (known !== undefined && known.rank >= rank) return;
    if (known === undefined && this.#best.size >= MAX_OBSERVABLES) {
      this.truncated = true;
      return;
    }
    const kept = port ?? known?.observable.port;
    const observable: Observable = {
      type,
      value,
      role,
      where: place.where(),
      ...(seen === value ? {} : { seen: seen.slice(0, MAX_SEEN) }),
      ...(kept === undefined ? {} : { port: kept }),
    };
    this.#best.set(key, { observable, rank });
    if (type === "email") this.#person(value.slice(0, value.indexOf("@")));
  }
}

function piecesOf(raw: string, { types }: FieldRule): readonly string[] {
  return types.includes("filename") ? fileNames(raw) : raw.split(/[,;|\s]+/, MAX_LIST).filter((piece) => piece !== "");
}

/** From a root, a drive, a variable or the working directory: `host/page` and `registry/image:tag` are no paths. */
function isAbsolute(value: CanonicalValue, raw: string): boolean {
  return /^(?:[/%]|[a-z]:|\.{1,2}\/|~)/.test(value) || raw.includes("\\");
}

/** A registry key in a field of files. */
const HIVE = /^\/?(?:hk(?:lm|cu|cr|cc|u|ey_[a-z_]{5,24})|registry\/(?:machine|user))\//;

/** `xxx.xxx.xxx.xxx`: somebody blotted an address out. */
const PLACEHOLDER = /^[xyz0]{1,3}(?:\.[xyz0]{1,3}){1,3}$/;

/** Devices and pipes are not files; reverse names are neither address nor domain. */
function isWanted(type: ObservableType, value: CanonicalValue): boolean {
  if (type === "domain") return !isReverseName(value) && !PLACEHOLDER.test(value);
  if (type === "path") return !/^\/(?:dev\/(?!shm\/)|device\/|pipe\/|\.\/)/.test(value);
  return true;
}
