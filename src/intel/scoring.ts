import type { Direction, Outcome } from "../model/alert.ts";
import type { Annotation, Band, ScoreReason, Suppression } from "../model/finding.ts";
import type { Indicator, IndicatorReport } from "../model/indicator.ts";
import type { ObservableType } from "../model/observable.ts";

/** Everything that a score depends on. Times are epoch milliseconds. */
export interface ScoreInput {
  readonly indicator: Pick<Indicator, "type" | "pattern" | "value">;
  readonly observed: { readonly type: ObservableType; readonly value: string };
  readonly reports: readonly IndicatorReport[];
  readonly companionSeen: boolean;
  readonly direction: Direction;
  readonly outcome: Outcome;
  readonly suppressions: readonly Suppression[];
  readonly annotations: readonly Annotation[];
  /** When our own organisation last called a report a false positive; undefined: never, or it was edited since. */
  readonly falsePositive?: number | undefined;
  readonly time: number;
}

export interface Score {
  readonly score: number;
  readonly reasons: readonly ScoreReason[];
}

/** The published weights (docs/SCORING.md shows this table). Points add up, then the caps and floors apply in this order. */
export const WEIGHTS = {
  toIds: 45,
  notToIds: 20,
  threatLevel: { 1: 15, 2: 8, 3: 0, 4: 0 } as Readonly<Record<number, number>>,
  specificity: { hash: 20, url: 20, exactName: 15, subdomain: 8, address: 10, network: 3, other: 10 },
  recentDays: 30,
  recent: 5,
  oldDays: 365,
  old: { address: -15, name: -8, hash: 0 },
  secondOrganisation: 5,
  thirdOrganisation: 10,
  companion: 10,
  falsePositive: -30,
  annotation: -20,
  annotationsMost: -40,
  weakMost: 40,
  deniedInboundMost: 30,
  succeededLeast: 70,
} as const;

/** Confidence that a reporter stated in a tag, as points. Tags not listed say nothing. */
const CONFIDENCE_TAGS: ReadonlyMap<string, number> = new Map([
  ['misp:confidence-level="completely-confident"', 10],
  ['misp:confidence-level="usually-confident"', 5],
  ['misp:confidence-level="fairly-confident"', 0],
  ['misp:confidence-level="rarely-confident"', -10],
  ['misp:confidence-level="unconfident"', -20],
  ['estimative-language:confidence-in-analytic-judgment="high"', 10],
  ['estimative-language:confidence-in-analytic-judgment="low"', -10],
  ['admiralty-scale:source-reliability="a"', 5],
  ['admiralty-scale:source-reliability="e"', -10],
  ['admiralty-scale:information-credibility="1"', 5],
  ['admiralty-scale:information-credibility="5"', -15],
  ['false-positive:risk="high"', -20],
  ['false-positive:risk="medium"', -10],
]);

const HASHES: ReadonlySet<string> = new Set(["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "x509"]);
const DAY_MS = 86_400_000;

/** Lower bound of each band, best first; a suppressed match is `benign` whatever its score. */
const BANDS: readonly (readonly [number, Band])[] = [
  [90, "critical"],
  [70, "high"],
  [40, "medium"],
  [0, "low"],
];

export function bandOf(score: number, suppressed: boolean): Band {
  if (suppressed) return "benign";
  return BANDS.find(([least]) => score >= least)?.[1] ?? "low";
}

/** Score 0–100 of one match with the terms it is made of. Pure: equal input, equal output. */
export function score(input: ScoreInput): Score {
  if (input.suppressions.length > 0) {
    return {
      score: 0,
      reasons: input.suppressions.map(({ by, reason }) => ({ points: 0, text: `suppressed by ${by}: ${reason}` })),
    };
  }
  const reasons = [
    ...intent(input),
    ...specificity(input),
    ...age(input),
    ...confidence(input),
    ...organisations(input),
    ...lists(input),
    ...falsePositive(input),
  ];
  const sum = reasons.reduce((total, { points }) => total + points, 0);
  return bounds(input, Math.max(0, Math.min(100, sum)), reasons);
}

function intent({ reports }: ScoreInput): ScoreReason[] {
  const reasons: ScoreReason[] = reports.some(({ toIds }) => toIds)
    ? [{ points: WEIGHTS.toIds, text: "to_ids" }]
    : [{ points: WEIGHTS.notToIds, text: "in MISP, but not to_ids" }];
  const level = Math.min(...reports.map(({ event }) => event.threatLevel ?? 4));
  const points = WEIGHTS.threatLevel[level] ?? 0;
  if (points > 0) reasons.push({ points, text: `threat level ${level === 1 ? "high" : "medium"}` });
  return reasons;
}

function specificity({ indicator, observed, companionSeen, reports }: ScoreInput): ScoreReason[] {
  const weights = WEIGHTS.specificity;
  let reason: ScoreReason;
  if (HASHES.has(indicator.type)) reason = { points: weights.hash, text: "exact hash" };
  else if (indicator.type === "url") reason = { points: weights.url, text: "exact URL" };
  else if (indicator.pattern === "cidr")
    reason = { points: weights.network, text: `inside network ${indicator.value}` };
  else if (indicator.type === "ip") reason = { points: weights.address, text: "exact address" };
  else if (indicator.type === "domain") {
    reason =
      observed.value === indicator.value
        ? { points: weights.exactName, text: "exact name" }
        : {
            points: weights.subdomain,
            text: `${observed.type === "email" ? "address at" : "subdomain of"} ${indicator.value}`,
          };
  } else reason = { points: weights.other, text: `exact ${indicator.type}` };
  if (!companionSeen) return [reason];
  const companion = reports.find((report) => report.companion)?.companion;
  return [reason, { points: WEIGHTS.companion, text: `its ${companion?.kind ?? "other half"} was seen as well` }];
}

function age({ indicator, reports, time }: ScoreInput): ScoreReason[] {
  const newest = Math.max(...reports.map((report) => (report.lastSeen ?? report.timestamp ?? 0) * 1000));
  if (newest <= 0) return [];
  const days = Math.floor((time - newest) / DAY_MS);
  if (days <= WEIGHTS.recentDays) return [{ points: WEIGHTS.recent, text: `reported ${Math.max(0, days)} days ago` }];
  if (days <= WEIGHTS.oldDays) return [];
  const kind = indicator.type === "ip" ? "address" : HASHES.has(indicator.type) ? "hash" : "name";
  const points = WEIGHTS.old[kind];
  return points === 0 ? [] : [{ points, text: `last reported ${days} days ago` }];
}

function confidence({ reports }: ScoreInput): ScoreReason[] {
  const found = new Map<string, number>();
  for (const report of reports) {
    for (const tag of [...report.tags, ...report.event.tags]) {
      const points = CONFIDENCE_TAGS.get(tag.toLowerCase());
      if (points) found.set(tag, points);
    }
  }
  return [...found].map(([tag, points]) => ({ points, text: `tag ${tag}` }));
}

function organisations({ reports }: ScoreInput): ScoreReason[] {
  const count = new Set(reports.map(({ event }) => event.orgc).filter((name) => name !== undefined)).size;
  if (count < 2) return [];
  const points = count === 2 ? WEIGHTS.secondOrganisation : WEIGHTS.thirdOrganisation;
  return [{ points, text: `reported by ${count} organisations` }];
}

function lists({ annotations }: ScoreInput): ScoreReason[] {
  let left: number = WEIGHTS.annotationsMost;
  return annotations.map(({ warninglist }) => {
    const points = Math.max(left, WEIGHTS.annotation);
    left -= points;
    return { points, text: `on list ${warninglist}` };
  });
}

function falsePositive({ falsePositive: time }: ScoreInput): ScoreReason[] {
  if (time === undefined) return [];
  const text = `false positive by our organisation on ${dateOf(time)}`;
  return [{ points: WEIGHTS.falsePositive, text }];
}

/** `2026-11-21`; what no calendar has is an unknown day. */
function dateOf(time: number): string {
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString().slice(0, 10) : "an unknown day";
}

function bounds(input: ScoreInput, sum: number, reasons: readonly ScoreReason[]): Score {
  const { direction, outcome } = input;
  const all = [...reasons];
  let value = sum;
  const weak = input.reports.every((report) => report.weak);
  const succeeded =
    outcome === "executed" || outcome === "success" || (outcome === "allowed" && direction === "outbound");
  const doubtful = input.annotations.length > 0 || input.falsePositive !== undefined;
  if (succeeded && !weak && !doubtful && value < WEIGHTS.succeededLeast) {
    value = WEIGHTS.succeededLeast;
    all.push({ points: 0, text: `at least ${value}: ${outcome}${outcome === "allowed" ? " outbound" : ""}` });
  }
  if (weak && value > WEIGHTS.weakMost) {
    value = WEIGHTS.weakMost;
    all.push({ points: 0, text: `at most ${value}: too common to convict alone` });
  }
  if ((outcome === "denied" || outcome === "failure") && direction === "inbound" && value > WEIGHTS.deniedInboundMost) {
    value = WEIGHTS.deniedInboundMost;
    all.push({ points: 0, text: `at most ${value}: inbound and ${outcome}` });
  }
  return { score: value, reasons: all };
}
