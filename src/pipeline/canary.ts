import { CANARY_FEED, canaryOf, withCanary } from "../intel/canary.ts";
import type { Generation } from "../intel/generation.ts";
import type { Seals } from "../intel/seals.ts";
import type { Alert, Extraction } from "../model/alert.ts";
import type { Finding, Mode, Verdict } from "../model/finding.ts";
import type { JsonObject } from "../model/json.ts";
import type { Observable } from "../model/observable.ts";
import { assess } from "./assess.ts";
import { type NameFinding, toFinding } from "./finding.ts";
import type { ReadAlert } from "./parse-alert.ts";

/** Follows a canary through the line. */
export interface CanaryWatch {
  /** A canary of ours is on its way, and this source is where it should come back. */
  expects(id: string, source: string): boolean;
  read(id: string): void;
  matched(id: string, finding: Finding): void;
}

interface CanaryContext {
  readonly source: string;
  readonly generation: Generation;
  readonly extract: (event: JsonObject) => Extraction<Observable>;
  readonly nameFinding: NameFinding;
  readonly seals?: Seals;
  readonly canary?: CanaryWatch;
}

/**
 * The finding that an awaited canary's alert makes, else undefined: then the alert is one like any other. A canary that nobody awaits
 * (of an archive that is read again, of an earlier run) makes none.
 */
export function canaryFinding(alert: ReadAlert, context: CanaryContext): Finding | undefined {
  const { canary, seals, source } = context;
  if (canary === undefined || seals === undefined) return undefined;
  const found = canaryOf(alert, seals);
  // Archives hold events that no rule made an alert of: seen there it proves nothing.
  if (found === undefined || !canary.expects(found.id, source) || (alert.rule?.level ?? 0) === 0) return undefined;
  canary.read(found.id);
  const generation = withCanary(context.generation, seals.canaryName);
  if (!generation.index.nominates(alert.event)) return undefined;
  const { verdict } = assess(alert, context.extract(alert.event), generation);
  if (verdict === undefined || !isOnlyCanary(verdict)) return undefined;
  const finding = toFinding(alert, alert.raw, verdict, "canary", context.nameFinding);
  canary.matched(found.id, finding);
  return finding;
}

/** What an alert is judged against: the canary's name is an indicator in a canary's own alert and nowhere else. */
export function generationFor(alert: Alert, generation: Generation, seals: Seals): Generation {
  return canaryOf(alert, seals) === undefined ? generation : withCanary(generation, seals.canaryName);
}

/** The mode of an alert's finding: a canary, an event that `tipline simulate` made, or what the line says. */
export function modeOf(alert: ReadAlert, verdict: Verdict, mode: Mode, seals: Seals | undefined): Mode {
  if (seals === undefined) return mode;
  if (isOnlyCanary(verdict)) return "canary";
  return simulationOf(alert, verdict, seals) === undefined ? mode : "simulated";
}

/** The mark of a simulated event; every match in it must be on the simulated value, so that nothing hides behind a mark. */
export function simulationOf(alert: ReadAlert, { matches }: Verdict, seals: Seals): string | undefined {
  const values = new Set(matches.map(({ match }) => match.observable.value));
  const [value] = values;
  return value === undefined || values.size !== 1 ? undefined : seals.simulationIn(alert.raw, value, alert.time);
}

function isOnlyCanary({ matches }: Verdict): boolean {
  return matches.every(({ match }) => match.reports.every(({ feed }) => feed === CANARY_FEED));
}

/** What a sink may have: only the canary's own sink gets canaries, and nobody is told that a simulated attribute was sighted. */
export function mayHave({ mode }: Finding, sink: { readonly canaries: boolean; readonly sightings: boolean }): boolean {
  if (mode === "canary") return sink.canaries;
  return !(mode === "simulated" && sink.sightings);
}
