import type { Caller } from "./auth.ts";
import type { Json } from "./render.ts";
import type { Row } from "./search-attributes.ts";
import { truthy } from "./search-terms.ts";
import { fullValue, type MispState, type SimAttribute } from "./state.ts";
import type { SimDecayingModel, SimSighting } from "./state-knowledge.ts";
import { warninglistEntry } from "./warninglist-match.ts";

/** Warninglist entries that the attribute hits, one a list. */
export function warnings(state: MispState, attribute: SimAttribute): Json[] {
  const values =
    attribute.value2 === "" ? [attribute.value1] : [attribute.value1, attribute.value2, fullValue(attribute)];
  const found: Json[] = [];
  for (const list of state.warninglists.values()) {
    if (!list.enabled || !list.attributes.includes(attribute.type)) continue;
    for (const value of values) {
      const match = warninglistEntry(list, value);
      if (match === undefined) continue;
      found.push({
        match,
        value,
        warninglist_id: String(list.id),
        warninglist_name: list.name,
        warninglist_category: list.category,
      });
      break;
    }
  }
  return found;
}

/** Sightings that the caller sees, oldest row first: all of them, or (not for the owner of the event) its own organisation's. */
export function renderSightings(
  state: MispState,
  { role, org }: Pick<Caller, "role" | "org">,
  { attribute, event }: Row,
): Json[] {
  const all = role.siteAdmin || event.orgId === org.id;
  return sightingsOf(state, attribute)
    .filter(({ orgId }) => all || orgId === org.id)
    .map((sighting) => renderSighting(state, sighting, attribute));
}

export function renderSighting(state: MispState, sighting: SimSighting, attribute: SimAttribute): Json {
  const { id, uuid, name } = state.org(sighting.orgId);
  return {
    id: String(sighting.id),
    attribute_id: String(sighting.attributeId),
    event_id: String(sighting.eventId),
    org_id: String(sighting.orgId),
    date_sighting: String(sighting.timestamp),
    uuid: sighting.uuid,
    source: sighting.source,
    type: String(sighting.type),
    attribute_uuid: attribute.uuid,
    Organisation: { id: String(id), uuid, name },
  };
}

function sightingsOf(state: MispState, { id }: SimAttribute): SimSighting[] {
  return state.sightings.filter(({ attributeId }) => attributeId === id);
}

/** Scores of the models that fit the type (`models`: their ids, or undefined for all enabled). `floor` replaces the thresholds. */
export function decayScores(
  state: MispState,
  row: Row,
  now: number,
  options: { readonly models?: unknown; readonly full?: boolean; readonly floor?: number },
): { readonly rendered: Json[]; readonly decayed: boolean } {
  const asked = [options.models]
    .flat()
    .filter((each) => each !== undefined)
    .map(String);
  const rendered: Json[] = [];
  for (const model of state.decayingModels.values()) {
    const wanted = asked.length === 0 ? model.enabled : asked.includes(String(model.id));
    if (!wanted || !model.attributeTypes.includes(row.attribute.type)) continue;
    const base = baseScore(state, model, row);
    const score = Math.max(
      0,
      base * (1 - (age(state, row, now) / (number(model, "lifetime") * 86_400)) ** (1 / number(model, "decay_speed"))),
    );
    rendered.push({
      score,
      base_score: base,
      decayed: score < (options.floor ?? number(model, "threshold")),
      DecayingModel: options.full ? renderModel(model) : { id: String(model.id), name: model.name },
    });
  }
  return { rendered, decayed: rendered.length > 0 && rendered.every(({ decayed }) => decayed === true) };
}

/** Seconds since the last sighting of the owner's organisation (else `last_seen`), or since the last edit if that is later. */
function age(state: MispState, { attribute, event }: Row, now: number): number {
  let last = attribute.lastSeen === null ? 0 : Math.floor(Date.parse(attribute.lastSeen) / 1000);
  const seen = sightingsOf(state, attribute).filter(({ type, orgId }) => type === 0 && orgId === event.orgcId);
  if (seen.length > 0) last = Math.max(...seen.map(({ timestamp }) => timestamp));
  return Math.max(0, now - Math.max(last, attribute.timestamp));
}

/** Mean of the numerical values of the tags whose predicate the model weighs; without any the model's default. */
function baseScore(state: MispState, model: SimDecayingModel, { attribute, event }: Row): number {
  const weights = model.parameters["base_score_config"] as Readonly<Record<string, number>>;
  let sum = 0;
  let weight = 0;
  const seen = new Set<string>();
  for (const { tagId } of [...attribute.tags, ...event.tags]) {
    const tag = state.tags.get(tagId);
    const predicate = tag?.name.split("=", 1)[0] ?? "";
    if (!tag || tag.numericalValue === null || !Object.hasOwn(weights, predicate) || seen.has(predicate)) continue;
    seen.add(predicate);
    sum += tag.numericalValue * (weights[predicate] ?? 0);
    weight += weights[predicate] ?? 0;
  }
  return weight === 0 ? number(model, "default_base_score") : sum / weight;
}

function number({ parameters }: SimDecayingModel, name: string): number {
  return Number(parameters[name]);
}

/** As `decayingModel/view` prints it. */
export function renderModel(model: SimDecayingModel): Json {
  return {
    id: String(model.id),
    uuid: model.uuid,
    name: model.name,
    parameters: model.parameters,
    attribute_types: model.attributeTypes,
    description: model.description,
    org_id: String(model.orgId),
    enabled: model.enabled,
    all_orgs: model.allOrgs,
    ref: model.ref,
    formula: model.formula,
    version: model.version,
    default: model.isDefault,
    isEditable: true,
  };
}

/** What a search asks of decay: nothing, scores, or that rows all of whose scores are below go. */
export function decayAsked(params: Readonly<Record<string, unknown>>): {
  readonly show: boolean;
  readonly drop: boolean;
} {
  const drop = truthy(params["excludeDecayed"]);
  return { show: drop || truthy(params["includeDecayScore"]), drop };
}
