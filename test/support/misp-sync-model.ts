import assert from "node:assert/strict";
import type { MispSim } from "./misp-sim/sim.ts";
import { fullValue, type SimEvent } from "./misp-sim/state.ts";
import type { EventRows } from "./misp-sync-rig.ts";

export const GRACE_HOURS = 24;
const GRACE_MS = GRACE_HOURS * 3_600_000;
/** An event changed this recently may change again within the second of its timestamp. */
const UNSETTLED_SECONDS = 3;
const PAGE = 100;

interface Held {
  readonly rows: readonly string[];
  readonly timestamp: number;
  readonly settled: boolean;
  /** Epoch milliseconds when it was first seen unpublished by an edit. */
  readonly since?: number;
  /** It changed while it was read: its grace time may have begun earlier. */
  readonly loose?: true;
}

/** What changed while a sync ran, and what had been published meanwhile. */
export class Noise {
  readonly #versions = new Map<string, string[][]>();
  readonly #takenBack = new Set<string>();

  before(sim: MispSim): void {
    for (const event of sim.state.events.values()) this.#snapshot(event);
  }

  after(sim: MispSim, uuid: string, change: string): void {
    this.before(sim);
    if (/^unpublish|^delete an event/.test(change)) this.#takenBack.add(uuid);
  }

  /** Whether what is in force is a version that was published while the sync ran; of more than a page it may be a part. */
  knows(uuid: string, names: readonly string[]): boolean {
    return (this.#versions.get(uuid) ?? []).some(
      (version) =>
        (version.length === names.length || version.length >= PAGE) && names.every((name) => version.includes(name)),
    );
  }

  wasTakenBack(uuid: string): boolean {
    return this.#takenBack.has(uuid);
  }

  #snapshot(event: SimEvent): void {
    if (!event.published) return;
    const live = event.attributes.filter(({ deleted, toIds }) => toIds && !deleted);
    const names = live.map((attribute) => `${attribute.uuid} ${fullValue(attribute)}`).sort();
    const versions = this.#versions.get(event.uuid) ?? [];
    this.#versions.set(event.uuid, [...versions, names]);
  }
}

/** Attribute by attribute, as {@link Noise} knows them. */
const namesOf = (rows: readonly string[]): readonly string[] => [
  ...new Set(
    rows.map((row) => {
      const { attributeUuid, attributeValue } = JSON.parse(row)[3];
      return `${attributeUuid} ${attributeValue}`;
    }),
  ),
];

/**
 * What must be in force after a sync: what a fresh full pull gives, and beside it the last published version of events that an
 * edit unpublished, for their grace time. Knows MISP and time, nothing of how the sync is done.
 */
export class SyncModel {
  readonly #held = new Map<string, Held>();
  readonly #sim: MispSim;
  readonly #publishedOnly: boolean;

  /** `publishedOnly`: as configured. */
  constructor(sim: MispSim, publishedOnly: boolean) {
    this.#sim = sim;
    this.#publishedOnly = publishedOnly;
  }

  /** After a sync at `now` (epoch ms) of everything, or of the events `only`. `noise`: what happened while it ran. */
  check(
    actual: EventRows,
    fresh: EventRows,
    now: number,
    { only, noise }: { readonly only?: ReadonlySet<string>; readonly noise?: Noise } = {},
  ): void {
    const events = new Map([...this.#sim.state.events.values()].map((event) => [event.uuid, event]));
    for (const uuid of new Set([...events.keys(), ...actual.keys(), ...fresh.keys(), ...this.#held.keys()])) {
      const event = events.get(uuid);
      const rows = actual.get(uuid) ?? [];
      if (only !== undefined && (!only.has(uuid) || event === undefined)) {
        assert.deepEqual(rows, this.#held.get(uuid)?.rows ?? [], `event ${uuid} was not to be looked at`);
      } else if (event !== undefined && (event.published || !this.#publishedOnly)) {
        assert.deepEqual(rows, fresh.get(uuid) ?? [], `listed event ${uuid}`);
        const settled = event.timestamp < Math.floor(now / 1000) - UNSETTLED_SECONDS;
        this.#held.set(uuid, { rows, timestamp: event.timestamp, settled });
      } else if (event === undefined) {
        assert.deepEqual(rows, [], `deleted event ${uuid}`);
        this.#held.delete(uuid);
      } else {
        assert.deepEqual(fresh.get(uuid) ?? [], [], `unpublished event ${uuid}`);
        this.#unpublished(event, rows, now, noise);
      }
    }
  }

  #unpublished(event: SimEvent, rows: readonly string[], now: number, noise: Noise | undefined): void {
    const held = this.#held.get(event.uuid);
    if (noise !== undefined && (rows.length > 0 || noise.wasTakenBack(event.uuid))) {
      const isHeld = JSON.stringify(rows) === JSON.stringify(held?.rows ?? []);
      assert.ok(
        isHeld || rows.length === 0 || noise.knows(event.uuid, namesOf(rows)),
        `what is in force of event ${event.uuid} was never published: ${rows.join("\n")}`,
      );
      if (!isHeld || noise.wasTakenBack(event.uuid)) {
        this.#held.set(event.uuid, { rows, timestamp: -1, settled: true, since: held?.since ?? now, loose: true });
        return;
      }
    }
    if (held === undefined) {
      assert.deepEqual(rows, [], `event ${event.uuid} was never published`);
      return;
    }
    const takenBack = held.since === undefined && held.settled && held.timestamp === event.timestamp;
    const since = held.since ?? now;
    const expected = takenBack || now - since >= GRACE_MS ? undefined : held.rows;
    if (held.loose && rows.length === 0) this.#held.delete(event.uuid);
    else {
      assert.deepEqual(rows, expected ?? (held.loose ? rows : []), `event ${event.uuid}, unpublished`);
      if (expected === undefined && !held.loose) this.#held.delete(event.uuid);
      else this.#held.set(event.uuid, { ...held, since });
    }
  }
}
