import { hash } from "node:crypto";
import type { Stage, StageOutput } from "../contract/stage.ts";
import type { Band, Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import { quietFinding, repeatsFinding, spreadFinding, type Template, toTemplate } from "./storm-findings.ts";
import { type Ending, Endings } from "./windows.ts";

export interface StormOptions {
  /** Repeats of one indicator on one entity within this time are counted; default 1 h. */
  readonly windowMs?: number;
  /** The same for suppressed (known benign) findings; default one day. */
  readonly suppressedWindowMs?: number;
  /** More entities than this on one indicator within `spreadWindowMs` are a spread; default 20 within ten minutes. */
  readonly spreadEntities?: number;
  readonly spreadWindowMs?: number;
  /** Bounds of the state; default 100,000 windows and 64 MiB. */
  readonly maxWindows?: number;
  readonly maxStateBytes?: number;
  /** Id of a finding that stems from others: keyed, and equal for equal parts. */
  readonly derive: (parts: readonly string[]) => string;
  /** The indicator is the user's own (public address …): one finding for all entities together. */
  readonly isOwn?: (finding: Finding) => boolean;
}

/** An (indicator, entity) that a finding went out for. */
interface Window {
  readonly start: number;
  readonly length: number;
  readonly source: string;
  /** Id of the finding that opened it. */
  readonly first: string;
  readonly quiet: boolean;
  /** Rank of the worst band that went out. */
  band: number;
  count: number;
  /** Time of the last repeat. */
  last: number;
}

/** An indicator's entities of late, or, from `since` on, how many there were in its spread. */
interface Spread {
  readonly source: string;
  entities: (readonly [entity: string, time: number])[];
  since?: number;
  count: number;
  /** Rank of the worst band told of loudly. */
  band: number;
}

const BANDS: readonly Band[] = ["benign", "low", "medium", "high", "critical"];
const HOUR = 3_600_000;
/** Rough memory of a window beside its template, and of a spread. */
const WINDOW_BYTES = 400;
const SPREAD_BYTES = 2000;

/**
 * Storm control. Keys are (mode, suppressed or not, indicator, entity):
 * - the first finding on a key goes out and opens a window; further ones are counted, and the count goes out as `repeats` when
 *   the window ends; a repeat of a worse band than any sent in the window goes out as well, since nobody has seen it yet;
 * - more than `spreadEntities` entities on one indicator make one `spread` finding. For a window's length after it, new entities
 *   still go out whole, marked `misp.quiet` unless their band is worse than any told of loudly;
 * - when the state is full, the window that would end first ends now: that can only make more findings go out, never fewer;
 * - canaries and simulated findings pass: they are not counted and move no window.
 *
 * Time is the alerts' own, by source: an archive that is read beside live alerts, or one absurd timestamp, ends windows early
 * at worst, and never makes a new entity look like a repeat.
 */
export function stormControl(options: StormOptions): Stage {
  return new StormControl(options);
}

/** The finding is explained away by `own:`; the builder of findings says so where it would name the warninglist. */
export function isOwnFinding({ suppressed, misp }: Finding): boolean {
  return suppressed && (misp.warninglist?.startsWith("own: ") ?? false);
}

class StormControl implements Stage {
  readonly name = "storm";
  readonly #options: Required<StormOptions>;
  readonly #windows = new Map<string, Window>();
  readonly #templates = new Map<string, { readonly template: Template; readonly size: number }>();
  readonly #spreads = new Map<string, Spread>();
  readonly #endings = new Endings();
  #changed = new Set<string>();
  #bytes = 0;
  #out: Finding[] = [];

  constructor(options: StormOptions) {
    this.#options = {
      windowMs: HOUR,
      suppressedWindowMs: 24 * HOUR,
      spreadEntities: 20,
      spreadWindowMs: 10 * 60_000,
      maxWindows: 100_000,
      maxStateBytes: 64 * 2 ** 20,
      isOwn: isOwnFinding,
      ...options,
    };
  }

  restore(state: Iterable<readonly [string, JsonValue]>): void {
    for (const [key, value] of state) {
      const stored = value as unknown;
      if (key.startsWith("w")) this.#openWindow(key, stored as Window);
      else if (key.startsWith("t")) this.#keepTemplate(key, stored as Template);
      else if (key.startsWith("s")) this.#openSpread(key, stored as Spread);
    }
    this.#changed = new Set();
  }

  process(findings: readonly Finding[]): StageOutput {
    for (const finding of findings) {
      if (finding.mode === "canary" || finding.mode === "simulated") {
        this.#out.push(finding);
        continue;
      }
      const time = Number.isFinite(finding.alert.time) ? finding.alert.time : 0;
      for (let due = this.#takeDue(finding, time); due !== undefined; due = this.#takeDue(finding, time))
        this.#end(due, time);
      if (finding.kind === "alert") this.#take(finding, time);
      else this.#out.push(finding);
      this.#makeRoom();
    }
    return this.#output();
  }

  tick(time: number): StageOutput {
    for (let due = this.#endings.takeDueOfAny(time); due !== undefined; due = this.#endings.takeDueOfAny(time))
      this.#end(due, time);
    return this.#output();
  }

  #takeDue(finding: Finding, time: number): Ending | undefined {
    return this.#endings.takeDue(finding.alert.source, time);
  }

  #take(finding: Finding, time: number): void {
    const key = windowKey(finding, this.#options.isOwn(finding));
    const window = this.#windows.get(key);
    const open = window !== undefined && Math.abs(time - window.start) < window.length;
    if (window !== undefined && !open) this.#close(key, window);
    const entities = finding.suppressed ? undefined : this.#countEntity(finding, time, !open);
    if (open) {
      if (bandRank(finding) <= window.band) {
        this.#hold(key, window, finding, time);
        return;
      }
      window.band = bandRank(finding);
      this.#changed.add(key);
    } else {
      const { windowMs, suppressedWindowMs } = this.#options;
      this.#openWindow(key, {
        start: time,
        length: finding.suppressed ? suppressedWindowMs : windowMs,
        source: finding.alert.source,
        first: finding.id,
        quiet: entities !== undefined,
        band: bandRank(finding),
        count: 0,
        last: time,
      });
    }
    this.#out.push(entities === undefined ? finding : quietFinding(finding, entities));
  }

  #hold(key: string, window: Window, finding: Finding, time: number): void {
    // The same alert read twice is not a repeat.
    if (finding.id === window.first) return;
    window.count += 1;
    window.last = Math.max(window.last, time);
    this.#changed.add(key);
    const kept = this.#templates.get(templateKey(key));
    if (kept === undefined || finding.score > kept.template.score)
      this.#keepTemplate(templateKey(key), toTemplate(finding));
  }

  /** Notes the entity; gives how many there are when a spread speaks for this finding, else undefined. */
  #countEntity(finding: Finding, time: number, isNew: boolean): number | undefined {
    const key = `s${shortOf([finding.mode, finding.key.indicator])}`;
    let spread = this.#spreads.get(key);
    if (spread?.since !== undefined && Math.abs(time - spread.since) >= this.#options.windowMs) {
      this.#forgetSpread(key);
      spread = undefined;
    }
    if (spread?.since === undefined) return this.#noteEntity(key, spread, finding, time);
    if (!isNew) return undefined;
    spread.count += 1;
    this.#changed.add(key);
    if (bandRank(finding) <= spread.band) return spread.count;
    spread.band = bandRank(finding);
    return undefined;
  }

  #noteEntity(key: string, known: Spread | undefined, finding: Finding, time: number): number | undefined {
    const { spreadEntities, spreadWindowMs } = this.#options;
    const entity = shortOf([finding.key.entity]);
    const isOther = ([name, seen]: Spread["entities"][number]) =>
      name !== entity && Math.abs(time - seen) < spreadWindowMs;
    const newest: Spread["entities"][number] = [entity, time];
    // Not spread into an empty array, which would get room for sixteen more: nearly all spreads have one entity.
    const entities = known === undefined ? [newest] : [...known.entities.filter(isOther), newest];
    const spread = known ?? this.#openSpread(key, { source: finding.alert.source, entities, count: 0, band: 0 });
    spread.entities = entities;
    this.#changed.add(key);
    const isSpread = spread.entities.length > spreadEntities;
    if (isSpread) {
      spread.count = spread.entities.length;
      spread.since = time;
      spread.band = bandRank(finding);
      spread.entities = [];
      const id = this.#options.derive(["spread", finding.mode, finding.key.indicator, finding.id]);
      this.#out.push(spreadFinding(finding, id, spread.count));
    }
    // A later end is found when the noted one is due; an earlier one must be noted, or a restart would see it sooner.
    const end = this.#endOf(spread);
    if (end < (this.#endings.endOf(key) ?? end)) this.#schedule(key, spread.source, end);
    return isSpread ? spread.count : undefined;
  }

  #openWindow(key: string, window: Window): void {
    this.#windows.set(key, window);
    this.#bytes += WINDOW_BYTES;
    this.#schedule(key, window.source, window.start + window.length);
    this.#changed.add(key);
  }

  #openSpread(key: string, spread: Spread): Spread {
    this.#spreads.set(key, spread);
    this.#bytes += SPREAD_BYTES;
    this.#schedule(key, spread.source, this.#endOf(spread));
    return spread;
  }

  #endOf({ since, entities }: Spread): number {
    if (since !== undefined) return since + this.#options.windowMs;
    return Math.max(0, ...entities.map(([, time]) => time)) + this.#options.spreadWindowMs;
  }

  #schedule(key: string, source: string, end: number): void {
    this.#endings.set({ key, source, end });
  }

  #keepTemplate(key: string, template: Template): void {
    this.#dropTemplate(key);
    const size = JSON.stringify(template).length;
    this.#templates.set(key, { template, size });
    this.#bytes += size;
    this.#changed.add(key);
  }

  #dropTemplate(key: string): void {
    const kept = this.#templates.get(key);
    if (kept === undefined) return;
    this.#templates.delete(key);
    this.#bytes -= kept.size;
    this.#changed.add(key);
  }

  #end({ key }: Ending, time: number): void {
    const window = this.#windows.get(key);
    if (window !== undefined) this.#close(key, window);
    const spread = this.#spreads.get(key);
    if (spread === undefined) return;
    const end = this.#endOf(spread);
    if (end > time) this.#schedule(key, spread.source, end);
    else this.#forgetSpread(key);
  }

  #close(key: string, { first, count, last, quiet }: Window): void {
    const template = this.#templates.get(templateKey(key))?.template;
    this.#windows.delete(key);
    this.#endings.delete(key);
    this.#dropTemplate(templateKey(key));
    this.#bytes -= WINDOW_BYTES;
    this.#changed.add(key);
    if (count === 0 || template === undefined) return;
    const id = this.#options.derive(["repeats", first]);
    this.#out.push(repeatsFinding(template, { id, count, time: last, quiet }));
  }

  #forgetSpread(key: string): void {
    this.#spreads.delete(key);
    this.#endings.delete(key);
    this.#bytes -= SPREAD_BYTES;
    this.#changed.add(key);
  }

  #makeRoom(): void {
    const { maxWindows, maxStateBytes } = this.#options;
    while (this.#windows.size + this.#spreads.size > maxWindows || this.#bytes > maxStateBytes) {
      const first = this.#endings.takeEarliest();
      if (first === undefined) return;
      this.#end(first, first.end);
    }
  }

  #output(): StageOutput {
    const changed = new Map<string, JsonValue | undefined>();
    for (const key of this.#changed) changed.set(key, this.#stored(key));
    this.#changed = new Set();
    const out = this.#out;
    this.#out = [];
    return { out, changed };
  }

  #stored(key: string): JsonValue | undefined {
    const value = this.#windows.get(key) ?? this.#spreads.get(key) ?? this.#templates.get(key)?.template;
    // A copy: the item goes on changing while this is on its way to the disk. What is in it is replaced, never changed.
    return value === undefined ? undefined : ({ ...value } as unknown as JsonValue);
  }
}

function windowKey(finding: Finding, own: boolean): string {
  const { mode, suppressed, key } = finding;
  return `w${shortOf([mode, suppressed ? "suppressed" : "counts", key.indicator, own ? "" : key.entity])}`;
}

function templateKey(window: string): string {
  return `t${window.slice(1)}`;
}

function bandRank({ misp }: Finding): number {
  return BANDS.indexOf(misp.band as Band);
}

/** Values and entities can be long; most are shorter than a hash and what it takes to make it. */
const MOST_KEY = 128;

/** Of bounded length. */
function shortOf(parts: readonly string[]): string {
  const text = JSON.stringify(parts);
  return text.length <= MOST_KEY ? text : hash("sha256", text, "hex");
}
