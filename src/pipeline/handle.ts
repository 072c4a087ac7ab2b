import type { DeadLetter } from "../contract/journal.ts";
import type { SourceRecord } from "../contract/source.ts";
import type { Generation } from "../intel/generation.ts";
import type { Seals } from "../intel/seals.ts";
import { asError } from "../lib/errors.ts";
import type { Alert, Extraction } from "../model/alert.ts";
import type { Finding, Mode, Verdict } from "../model/finding.ts";
import { get, isJsonObject, type JsonObject, text } from "../model/json.ts";
import type { Observable } from "../model/observable.ts";
import { recordLetter } from "../store/record-letter.ts";
import { assess, claimsToBeOurs } from "./assess.ts";
import { type CanaryWatch, canaryFinding, simulationOf } from "./canary.ts";
import type { Extract } from "./extract.ts";
import { type NameFinding, toFinding } from "./finding.ts";
import { type ReadAlert, toAlert } from "./parse-alert.ts";

/** What one record comes to; at most one member is non-empty. */
export interface Handled {
  readonly findings: readonly Finding[];
  readonly deadLetters: readonly DeadLetter[];
  /** Ids of our own findings, read back from Wazuh. */
  readonly confirmed: readonly string[];
}

/** What is told of an alert that is our own finding. */
export type Echo = Pick<Alert, "source" | "rule">;

/** What handling needs from the house. `generation` is asked once per record batch by the caller's choice, never cached here. */
export interface HandleContext {
  readonly source: string;
  readonly mode: Mode;
  readonly generation: Generation;
  readonly extract: ((event: JsonObject) => Extraction<Observable>) & Partial<Pick<Extract, "finds">>;
  readonly nameFinding: NameFinding;
  /** True when the id carries a valid MAC of this installation. */
  readonly isOurs: (findingId: string) => boolean;
  /** Epoch milliseconds: the time of an alert that has none. */
  readonly receivedAt: number;
  readonly onVerdict?: (alert: Alert, verdict: Verdict) => void;
  /** Tells canaries and simulated events; without it there are none. */
  readonly seals?: Seals;
  readonly canary?: CanaryWatch;
  /** One of our own findings came back as an alert. */
  readonly onEcho?: (echo: Echo, findingId: string) => void;
  readonly onSimulated?: (mark: string, finding: Finding) => void;
}

const NOTHING: Handled = { findings: [], deadLetters: [], confirmed: [] };

/**
 * One record through parse, loop guard, gate, extraction and judgement. Never throws: what cannot be handled becomes a dead
 * letter, because a fault of ours would repeat for ever if the record were offered again.
 */
export function handleRecord(record: SourceRecord, context: HandleContext): Handled {
  return handleBatch([record], context)[0] ?? NOTHING;
}

/**
 * Records as {@link handleRecord} handles each, but one step after the other for all of them: the code of one step stays in the
 * processor's caches, where that of all steps together has no room, and a few dozen records cost a third less. All of them are held
 * parsed at once: the caller bounds how much that is. `onTurn` is told which record a step, and what it calls, is about.
 */
export function handleBatch(
  records: readonly SourceRecord[],
  context: HandleContext,
  onTurn?: (at: number) => void,
): readonly Handled[] {
  const batch = new Batch(records, context, onTurn);
  const alerts = batch.step(records, (record) => readAlert(record, context));
  const likely = batch.step(alerts, (alert) => (mayMatch(alert.event, context) ? alert : SETTLED));
  const read = batch.step(likely, (alert) => ({ alert, extraction: context.extract(alert.event) }));
  const judged = batch.step(read, ({ alert, extraction }) => {
    const { verdict } = assess(alert, extraction, context.generation);
    return verdict === undefined ? SETTLED : { alert, verdict };
  });
  batch.step(judged, ({ alert, verdict }) => new Settled(concluded(alert, verdict, context)));
  return batch.handled;
}

/** There is no further step for a record. */
class Settled {
  readonly handled: Handled;

  constructor(handled: Handled) {
    this.handled = handled;
  }
}
const SETTLED = new Settled(NOTHING);

class Batch {
  readonly handled: Handled[];
  readonly #records: readonly SourceRecord[];
  readonly #context: HandleContext;
  readonly #onTurn: ((at: number) => void) | undefined;

  constructor(records: readonly SourceRecord[], context: HandleContext, onTurn: ((at: number) => void) | undefined) {
    this.handled = records.map(() => NOTHING);
    this.#records = records;
    this.#context = context;
    this.#onTurn = onTurn;
  }

  /** One step for all records that are not settled; undefined stands for those that are. */
  step<In, Out>(inputs: readonly (In | undefined)[], run: (input: In) => Out | Settled): (Out | undefined)[] {
    return inputs.map((input, at) => {
      if (input === undefined) return undefined;
      this.#onTurn?.(at);
      const out = this.#tried(at, input, run);
      if (!(out instanceof Settled)) return out;
      this.handled[at] = out.handled;
      return undefined;
    });
  }

  #tried<In, Out>(at: number, input: In, run: (input: In) => Out | Settled): Out | Settled {
    try {
      return run(input);
    } catch (error) {
      const record = this.#records[at] as SourceRecord;
      return new Settled({ ...NOTHING, deadLetters: [deadRecord(record, this.#context, error)] });
    }
  }
}

/** The alert that is to be matched, or what the record comes to otherwise. */
function readAlert(record: SourceRecord, context: HandleContext): ReadAlert | Settled {
  const alert = toAlert(record.bytes, context.source, context.receivedAt);
  const echo = ownFindingId(alert, context.isOurs);
  if (echo !== undefined) {
    if (!isAlert(alert)) return SETTLED;
    context.onEcho?.(alert, echo);
    return new Settled({ ...NOTHING, confirmed: [echo] });
  }
  if (isAnswer(alert)) return SETTLED;
  const canary = canaryFinding(alert, context);
  return canary === undefined ? alert : new Settled({ ...NOTHING, findings: [canary] });
}

function concluded(alert: ReadAlert, verdict: Verdict, context: HandleContext): Handled {
  context.onVerdict?.(alert, verdict);
  const mark = context.seals && simulationOf(alert, verdict, context.seals);
  const mode = mark === undefined ? context.mode : "simulated";
  const finding = toFinding(alert, alert.raw, verdict, mode, context.nameFinding);
  if (mark !== undefined) context.onSimulated?.(mark, finding);
  return { ...NOTHING, findings: [finding] };
}

/** What decides whether all of an alert is worth reading. */
function mayMatch(event: JsonObject, { extract, generation: { index } }: HandleContext): boolean {
  return extract.finds === undefined ? index.nominates(event) : extract.finds(event, index);
}

/**
 * The finding id of an event that is the echo of our own finding, else undefined. It must carry a valid MAC and nothing but
 * our two members under `data`, and come from the queue's location: a log line that borrows an id, or repeats a whole
 * finding, is matched like any other alert.
 */
export function ownFindingId(alert: Alert, isOurs: (id: string) => boolean): string | undefined {
  if (!isLikeOurs(alert)) return undefined;
  const id = text(alert.event, "data", "misp", "finding_id");
  return id !== undefined && isOurs(id) ? id : undefined;
}

/**
 * A finding about somebody's finding, come by the queue, where no log line comes: without this end two lines on one manager would
 * answer each other for ever.
 */
function isAnswer(alert: Alert): boolean {
  return isLikeOurs(alert) && alert.location !== undefined && text(alert.event, "data", "misp", "foreign") === "true";
}

/** Our two members under `data` and nothing else, from the queue. */
function isLikeOurs(alert: Alert): boolean {
  const data = get(alert.event, "data");
  return claimsToBeOurs(alert) && isFromQueue(alert) && isJsonObject(data) && Object.keys(data).length === 2;
}

/**
 * A log file's location is its path; an envelope without one (cut down on its way) is left to the MAC. What came in by the
 * server's API has the location that the API gives it.
 */
function isFromQueue({ location }: Alert): boolean {
  return location === undefined || location === "API-Webhook" || /^(?:[^/\\]*->)?misp$/.test(location);
}

/** Archives hold events that no rule made an alert of: seen there, a finding is not delivered. */
function isAlert({ rule }: Alert): boolean {
  return rule !== undefined && rule.level > 0;
}

function deadRecord(
  { bytes, origin }: SourceRecord,
  { source, receivedAt }: HandleContext,
  error: unknown,
): DeadLetter {
  return recordLetter({ component: source, time: receivedAt, reason: asError(error).message, origin }, bytes);
}
