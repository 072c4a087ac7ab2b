/** A row of the sightings table. Type 0: seen, 1: false positive, 2: expiration. */
export interface SimSighting {
  readonly id: number;
  readonly uuid: string;
  readonly attributeId: number;
  readonly eventId: number;
  readonly orgId: number;
  readonly type: number;
  readonly source: string;
  /** As sent: MISP stores milliseconds unchanged too. */
  readonly timestamp: number;
}

export interface SimWarninglist {
  readonly id: number;
  readonly name: string;
  readonly type: "cidr" | "hostname" | "string" | "substring" | "regex";
  readonly description: string;
  readonly version: number;
  enabled: boolean;
  readonly default: boolean;
  readonly category: string;
  /** Attribute types it looks at. */
  readonly attributes: readonly string[];
  readonly entries: readonly string[];
}

export interface SimTaxonomy {
  readonly id: number;
  readonly namespace: string;
  readonly description: string;
  readonly version: number;
  enabled: boolean;
  readonly exclusive: boolean;
  readonly required: boolean;
  readonly highlighted: boolean;
  /** Entries as `taxonomies/view` prints them. */
  readonly entries: readonly Readonly<Record<string, unknown>>[];
}

export interface SimDecayingModel {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly attributeTypes: readonly string[];
  enabled: boolean;
  readonly description: string;
  readonly orgId: number;
  readonly formula: string;
  readonly version: string;
  readonly ref: readonly string[];
  readonly allOrgs: boolean;
  readonly isDefault: boolean;
}

/** What MISP prints of the galaxy cluster behind a tag. */
export interface SimGalaxyCluster {
  /** In the event index. */
  readonly index: Readonly<Record<string, unknown>>;
  /** In an event: the galaxy, and the cluster in it. */
  readonly galaxy: Readonly<Record<string, unknown>>;
  readonly cluster: Readonly<Record<string, unknown>>;
}
