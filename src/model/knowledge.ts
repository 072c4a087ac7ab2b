/** What a MISP server knows beside indicators. */
export type KnowledgeKind = "warninglist" | "taxonomy" | "decaying-model" | "false-positives" | "sightings";

/**
 * Numbers that a taxonomy gives its tags, for decaying models: tag name in lower case (`false-positive:risk="low"`) to its value,
 * 0–100. Document of kind `taxonomy`; key is the namespace.
 */
export interface TaxonomyNumbers {
  readonly namespace: string;
  readonly numbers: Readonly<Record<string, number>>;
}

/** A decaying model as MISP has it (`decayingModel/view`). Document of kind `decaying-model`; key is its UUID. */
export interface DecayingModel {
  readonly uuid: string;
  readonly name: string;
  /** MISP attribute types that it is for. */
  readonly attributeTypes: readonly string[];
  /** Days until the score is 0. */
  readonly lifetime: number;
  readonly decaySpeed: number;
  /** Below this score (0–100) an attribute has decayed. */
  readonly threshold: number;
  readonly defaultBaseScore: number;
  /** Weight by taxonomy or predicate: `false-positive:risk`. */
  readonly baseScore: Readonly<Record<string, number>>;
  /** `Polynomial` or another formula name; only Polynomial is computed. */
  readonly formula: string;
}

/**
 * Sightings by attribute UUID, epoch seconds of the latest. Document of kinds `false-positives` (type 1, by our own organisation
 * only) and `sightings` (type 0, without those that Tipline itself reported).
 */
export type SightingTimes = Readonly<Record<string, number>>;

/** All of one server's knowledge that judging needs; warninglists are kept apart. */
export interface Knowledge {
  readonly taxonomies: readonly TaxonomyNumbers[];
  readonly decayingModels: readonly DecayingModel[];
  readonly falsePositives: SightingTimes;
  readonly sightings: SightingTimes;
}
