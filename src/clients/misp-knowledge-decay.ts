import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import type { DecayingModel, TaxonomyNumbers } from "../model/knowledge.ts";
import { type Asking, fingerprint, idOf, indexRows, isOn, type MispPiece, pieceOf } from "./misp-knowledge-piece.ts";

/** What the enabled decaying models look at; filled by `decayingModels`. */
export interface DecayNeeds {
  /** Namespaces of taxonomies, in lower case. */
  readonly namespaces: Set<string>;
  /** Longest lifetime. */
  days: number;
}

const MOST_MODELS = 500;
const MOST_WEIGHTS = 1_000;
const MOST_TYPES = 1_000;
const MOST_TAXONOMIES = 2_000;
const MOST_TAGS = 50_000;
const LONGEST_NAME = 500;

/** The enabled decaying models. The index has all of a model; only one of its own making keeps its attribute types elsewhere. */
export async function* decayingModels(asking: Asking, needs: DecayNeeds): AsyncGenerator<MispPiece> {
  for (const row of await indexRows(asking, "/decayingModel/index", [], MOST_MODELS)) {
    const id = idOf(get(row, "DecayingModel", "id"));
    if (!isOn(get(row, "DecayingModel", "enabled"))) continue;
    let model = readModel(row);
    if (model?.attributeTypes.length === 0 && id !== undefined)
      model = readModel(await asking.misp.get(`/decayingModel/view/${id}`, asking.signal));
    if (model === undefined) continue;
    needs.days = Math.max(needs.days, model.lifetime);
    for (const name of Object.keys(model.baseScore)) needs.namespaces.add((name.split(":")[0] ?? "").toLowerCase());
    yield pieceOf(asking, "decaying-model", model.uuid, model as unknown as JsonObject);
  }
}

function readModel(row: JsonValue): DecayingModel | undefined {
  const model = get(row, "DecayingModel");
  const uuid = text(model, "uuid")?.toLowerCase();
  const parameters = get(model, "parameters");
  const lifetime = numberOf(get(parameters, "lifetime"));
  const decaySpeed = numberOf(get(parameters, "decay_speed"));
  const threshold = numberOf(get(parameters, "threshold"));
  if (uuid === undefined || !/^[0-9a-f-]{36}$/.test(uuid)) return undefined;
  if (lifetime === undefined || decaySpeed === undefined || threshold === undefined) return undefined;
  const types = [...words(get(model, "attribute_types")), ...words(get(row, "DecayingModelMapping"))];
  return {
    uuid,
    name: (text(model, "name") ?? uuid).slice(0, LONGEST_NAME),
    attributeTypes: [...new Set(types)].slice(0, MOST_TYPES),
    lifetime,
    decaySpeed,
    threshold,
    defaultBaseScore: numberOf(get(parameters, "default_base_score")) ?? 0,
    baseScore: weights(get(parameters, "base_score_config")),
    formula: (text(model, "formula") ?? "").slice(0, LONGEST_NAME),
  };
}

function words(value: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: JsonValue) => {
    const word = typeof item === "string" ? item : text(item, "attribute_type");
    return word === undefined || word.length > LONGEST_NAME ? [] : [word];
  });
}

function weights(value: JsonValue | undefined): Record<string, number> {
  if (!isJsonObject(value)) return {};
  const found: [string, number][] = [];
  for (const [name, raw] of Object.entries(value).slice(0, MOST_WEIGHTS)) {
    const weight = numberOf(raw);
    if (weight !== undefined && name.length <= LONGEST_NAME && name !== "__proto__") found.push([name, weight]);
  }
  return Object.fromEntries(found);
}

/**
 * Numbers of the tags of enabled taxonomies and of those that a decaying model weighs. The latter are viewed each time: an
 * administrator may give a tag another number, which leaves the taxonomy's version as it is.
 */
export async function* taxonomies(asking: Asking, needs: DecayNeeds): AsyncGenerator<MispPiece> {
  const { misp, held } = asking;
  for (const row of await indexRows(asking, "/taxonomies", [], MOST_TAXONOMIES)) {
    const taxonomy = get(row, "Taxonomy");
    const id = idOf(get(taxonomy, "id"));
    const namespace = text(taxonomy, "namespace");
    if (id === undefined || namespace === undefined || namespace.length > LONGEST_NAME) continue;
    const weighed = needs.namespaces.has(namespace.toLowerCase());
    if (!weighed && !isOn(get(taxonomy, "enabled"))) continue;
    const version = fingerprint([misp.url, id, text(taxonomy, "version") ?? ""]);
    if (!weighed && held.get(`taxonomy/${namespace}`) === version) {
      yield { kind: "taxonomy", key: namespace, version };
      continue;
    }
    const numbers = await numbersOf(asking, id, namespace);
    const document: TaxonomyNumbers = { namespace, numbers };
    const piece = pieceOf(asking, "taxonomy", namespace, document as unknown as JsonObject);
    yield weighed ? piece : { ...piece, version, document: document as unknown as JsonObject };
  }
}

async function numbersOf({ misp, signal }: Asking, id: string, namespace: string): Promise<Record<string, number>> {
  return misp.retry(async () => {
    const { rows } = await misp.list(`/taxonomies/view/${id}`, ["entries"], signal);
    const numbers = new Map<string, number>();
    const start = `${namespace.toLowerCase()}:`;
    for await (const row of rows) {
      const tag = text(row, "tag")?.toLowerCase();
      // An administrator's number for the tag is in both places; one that only the tag has counts, too.
      const number =
        numberOf(get(row, "numerical_value")) ?? numberOf(get(row, "existing_tag", "Tag", "numerical_value"));
      if (tag === undefined || tag.length > LONGEST_NAME || !tag.startsWith(start) || number === undefined) continue;
      if (numbers.size < MOST_TAGS) numbers.set(tag, number);
    }
    return Object.fromEntries(numbers);
  }, signal);
}

/** MISP prints numbers as numbers or as strings. */
function numberOf(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
