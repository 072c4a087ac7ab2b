import { createHash } from "node:crypto";
import { allowlistEntities } from "./allowlist.ts";
import { dashboard } from "./dashboard.ts";
import { DEFAULT_STREAM, findingsStream, inputs, lookup, notification } from "./entities.ts";
import { eventDefinition } from "./events.ts";
import type { PackOptions } from "./options.ts";
import { type Parameter, parameters } from "./parameters.ts";
import { type PipelinePart, readParts } from "./parts.ts";
import { makeRules, pipelineSource } from "./rules.ts";
import { type Entity, entity, idOf, string } from "./value.ts";

/** The same in every version of Tipline: Graylog knows by it that a revision is one of this pack. */
export const PACK_ID = idOf("pack");
/** Goes up with every change of the pack's content; a test holds it to that. */
export const PACK_REVISION = 1;

/** Graylog's content pack, version 1. */
export interface ContentPack {
  readonly v: "1";
  readonly id: string;
  readonly rev: number;
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly vendor: string;
  readonly url: string;
  readonly parameters: readonly Parameter[];
  readonly entities: readonly Entity[];
}

/**
 * The pack for these options. `allowlist`: with the entries of the URL allowlist, for an upload by hand; they cannot be parameters,
 * and over REST they are set apart. The same options give the same bytes.
 */
export function makePack(options: PackOptions, { allowlist = false, parts = readParts() } = {}): ContentPack {
  const rules = makeRules(parts);
  const entities = [
    ...inputs(options),
    findingsStream(),
    ...[...rules].map(([name, source]) => ruleEntity(name, source)),
    ...parts.pipelines.map((part) => pipelineEntity(part, rules)),
    ...lookup(),
    notification(),
    ...parts.events.map((part) => eventDefinition(part, options)),
    dashboard(parts.dashboard),
    ...(allowlist ? allowlistEntities(options) : []),
  ];
  const asked = parameters(options);
  return {
    v: "1",
    id: PACK_ID,
    rev: PACK_REVISION,
    name: "Tipline: Wazuh and MISP",
    summary: "Inputs, pipeline, stream, lookup, events and a dashboard for Tipline's findings and Wazuh's alerts",
    description: `Made by \`tipline install graylog\`; docs/graylog.md says what is in it. ${markOf(entities, asked)}`,
    vendor: "Tipline",
    url: "",
    parameters: asked,
    entities,
  };
}

/** What a pack is known by in Graylog, which may store it in another shape: in the description. */
function markOf(entities: readonly Entity[], asked: readonly Parameter[]): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([entities, asked]))
    .digest("hex");
  return `Content ${hash.slice(0, 16)}.`;
}

/** The mark in a pack's description, or undefined when it is none of ours. */
export function markIn(description: string): string | undefined {
  return /Content [0-9a-f]{16}\./.exec(description)?.[0];
}

/** Graylog looks rules up by name, so the name is the id. */
function ruleEntity(name: string, source: string): Entity {
  return entity("pipeline_rule", name, { title: string(name), description: string(""), source: string(source) });
}

function pipelineEntity(part: PipelinePart, rules: ReadonlyMap<string, string>): Entity {
  return entity("pipeline", idOf(`pipeline ${part.title}`), {
    title: string(part.title),
    description: string(part.description),
    source: string(pipelineSource(part, rules)),
    connected_streams: part.stream === undefined ? [] : [string(DEFAULT_STREAM)],
  });
}
