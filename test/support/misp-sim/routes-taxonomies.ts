import { tagRecord, taxonomyRecord } from "./records.ts";
import type { JsonParameters, SimCall, SimRoute } from "./request.ts";
import { MispException, pretty, type SimResponse } from "./respond.ts";
import type { MispState } from "./state.ts";
import type { SimDecayingModel } from "./state-knowledge.ts";

export const TAXONOMY_ROUTES: readonly SimRoute[] = [
  { method: "GET", pattern: "taxonomies/index", handle: index },
  { method: "GET", pattern: "taxonomies/view", handle: view },
  { method: "GET", pattern: "taxonomies", handle: index },
  { method: "GET", pattern: "decayingModel/index", handle: models },
  { method: "GET", pattern: "decayingModel/view", handle: model },
  { method: "GET", pattern: "decayingModel", handle: models },
];

function index({ sim }: SimCall): SimResponse {
  return pretty(
    [...sim.state.taxonomies.values()].map((taxonomy) => ({
      Taxonomy: taxonomyRecord(taxonomy),
      total_count: taxonomy.entries.length,
      current_count: taxonomy.entries.filter(({ tag }) => sim.state.tagNamed(String(tag)) !== undefined).length,
    })),
  );
}

function view({ sim, args }: SimCall): SimResponse {
  const taxonomy = sim.state.taxonomies.get(Number(args[0]));
  if (taxonomy === undefined) throw new MispException(404, "Taxonomy not found.");
  return pretty({
    Taxonomy: taxonomyRecord(taxonomy),
    entries: taxonomy.entries.map((entry) => ({ ...entry, existing_tag: existing(sim.state, String(entry["tag"])) })),
  });
}

function existing(state: MispState, name: string): JsonParameters | false {
  const tag = state.tagNamed(name);
  return tag === undefined ? false : { Tag: tagRecord(tag) };
}

function models({ sim }: SimCall): SimResponse {
  return pretty(
    [...sim.state.decayingModels.values()].map((each) => ({
      DecayingModel: modelRecord(each),
      DecayingModelMapping: [],
    })),
  );
}

function model({ sim, args, role, org }: SimCall): SimResponse {
  const found = sim.state.decayingModels.get(Number(args[0]));
  if (found === undefined) throw new MispException(404, "No Decaying Model with the provided ID exists");
  const isEditable = role.siteAdmin || found.orgId === org.id;
  return pretty({ DecayingModel: { ...modelRecord(found), isEditable }, DecayingModelMapping: [] });
}

function modelRecord(each: SimDecayingModel): JsonParameters {
  return {
    id: String(each.id),
    uuid: each.uuid,
    name: each.name,
    parameters: each.parameters,
    attribute_types: each.attributeTypes,
    description: each.description,
    org_id: String(each.orgId),
    enabled: each.enabled,
    all_orgs: each.allOrgs,
    ref: each.ref,
    formula: each.formula,
    version: each.version,
    default: each.isDefault,
  };
}
