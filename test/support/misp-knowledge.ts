import type { TestContext } from "node:test";
import { createMisp } from "../../src/clients/misp.ts";
import { mispKnowledge } from "../../src/clients/misp-knowledge.ts";
import type { MispKnowledgeWanted, MispPiece } from "../../src/clients/misp-knowledge-piece.ts";
import { Secret } from "../../src/lib/secret.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { ManualClock } from "./manual-clock.ts";
import { ADMIN_KEY } from "./misp-sim/defaults.ts";
import { createMispSim, type MispSim } from "./misp-sim/sim.ts";
import type { SimWarninglist } from "./misp-sim/state-knowledge.ts";

export const NEVER = new AbortController().signal;
export const MODEL = "073fae4a-2377-4cfa-bd34-2516830d33c3";
export const DAY = 86_400;

export interface Asked {
  readonly pieces: readonly MispPiece[];
  readonly troubles: readonly string[];
}

export async function ask(
  t: TestContext,
  url: string,
  now: number,
  held: ReadonlyMap<string, string> = new Map(),
  wanted: Partial<MispKnowledgeWanted> = {},
): Promise<Asked> {
  const misp = createMisp({
    url,
    key: new Secret(ADMIN_KEY),
    clock: new ManualClock(),
    timeoutMs: 30_000,
    retries: 0,
    maxBytes: 50_000_000,
  });
  t.after(() => misp.close());
  const troubles: string[] = [];
  const pieces: MispPiece[] = [];
  const all: MispKnowledgeWanted = {
    warninglists: true,
    sightings: false,
    ownSources: ["tipline"],
    now: now * 1000,
    trouble: (part, error) => void troubles.push(`${part}: ${error.message}`),
    ...wanted,
  };
  for await (const piece of mispKnowledge(misp, all, held, NEVER)) pieces.push(piece);
  return { pieces, troubles };
}

export const versions = ({ pieces }: Asked) =>
  new Map(pieces.map(({ kind, key, version }) => [`${kind}/${key}`, version]));
export const document = ({ pieces }: Asked, kind: string, key: string): JsonValue | undefined =>
  pieces.find((piece) => piece.kind === kind && piece.key === key)?.document;
export const sent = ({ pieces }: Asked) =>
  pieces.filter((piece) => piece.document !== undefined).map(({ kind, key }) => `${kind}/${key}`);

export const warninglist = (id: number, over: Partial<SimWarninglist> = {}): SimWarninglist => ({
  id,
  name: `List ${id}`,
  type: "cidr",
  description: "a list",
  version: 1,
  enabled: true,
  default: true,
  category: "false_positive",
  attributes: ["ip-src", "ip-dst", "domain|ip"],
  entries: ["192.0.2.0/24", "198.51.100.7"],
  ...over,
});

/** Two lists (one off), a model that weighs one of two enabled taxonomies, two attributes. */
export function server(): MispSim {
  const sim = createMispSim();
  const { state, edit } = sim;
  for (const list of [warninglist(1), warninglist(2, { enabled: false, attributes: ["ALL"] })])
    state.warninglists.set(list.id, list);
  for (const [id, namespace, enabled] of [
    [1, "tlp", true],
    [2, "false-positive", false],
    [3, "other", false],
  ] as const)
    state.taxonomies.set(id, {
      id,
      namespace,
      description: namespace,
      version: 1,
      enabled,
      exclusive: false,
      required: false,
      highlighted: false,
      entries: [
        { tag: `${namespace}:risk="Low"`, expanded: "low", numerical_value: "25" },
        { tag: `${namespace}:none`, expanded: "none" },
        { tag: "elsewhere:x", expanded: "x", numerical_value: 3 },
      ],
    });
  state.decayingModels.set(3, {
    id: 3,
    uuid: MODEL,
    name: "NIDS",
    parameters: {
      lifetime: 21,
      decay_speed: 2,
      threshold: 30,
      default_base_score: 80,
      base_score_config: { "false-positive:risk": 1 },
    },
    attributeTypes: ["ip-dst"],
    enabled: true,
    description: "",
    orgId: 1,
    formula: "Polynomial",
    version: "2",
    ref: [],
    allOrgs: true,
    isDefault: true,
  });
  const event = edit.addEvent({ published: true });
  for (const value of ["192.0.2.1", "192.0.2.2"]) edit.addAttribute(event, { type: "ip-dst", value });
  return sim;
}

export const uuidOf = (sim: MispSim, id: number) => String(sim.state.attribute(id)?.uuid);

export function sight(
  sim: MispSim,
  attributeId: number,
  type: number,
  ago: number,
  orgId = 1,
  source = "analyst",
): void {
  const id = sim.state.sightings.length + 1;
  const uuid = `33333333-3333-4333-8333-${String(id).padStart(12, "0")}`;
  sim.state.sightings.push({ id, uuid, attributeId, eventId: 1, orgId, type, source, timestamp: sim.now() - ago });
}

export const paths = (sim: MispSim) => sim.requests.map(({ method, path }) => `${method} ${path}`);
