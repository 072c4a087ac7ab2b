import { ruleFaults } from "./rule-check.ts";
import { parsePipeline, parseRule } from "./rule-parser.ts";
import { isObject } from "./shape.ts";

type Entity = Record<string, unknown>;

const DEFAULT_STREAM = "000000000000000000000001";
const EVENTS_STREAM = "000000000000000000000002";

/** References between entities that lead nowhere, and rules and pipelines that Graylog cannot read. */
export function dependencyFaults(entities: readonly Entity[]): readonly string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const entity of entities) {
    const key = `${typeName(entity)} ${String(entity["id"])}`;
    if (seen.has(key)) faults.push(`${key}: twice`);
    seen.add(key);
  }
  for (const entity of entities) {
    const name = `${typeName(entity)} ${String(entity["id"])}`;
    const wants = (type: string, id: unknown, ...also: string[]) => {
      if (!seen.has(`${type} ${String(id)}`) && !also.includes(String(id)))
        faults.push(`${name}: there is no ${type} ${String(id)}`);
    };
    const data = isObject(entity["data"]) ? entity["data"] : {};
    if (typeName(entity) === "lookup_table") {
      wants("lookup_cache", plain(data["cache_name"]));
      wants("lookup_adapter", plain(data["data_adapter_name"]));
    }
    if (typeName(entity) === "event_definition") checkEvent(data, wants, (what) => faults.push(`${name}: ${what}`));
    if (typeName(entity) === "pipeline_rule")
      faults.push(...ruleEntityFaults(entity, data, entities).map((what) => `${name}: ${what}`));
    if (typeName(entity) === "pipeline") checkPipeline(data, wants, (what) => faults.push(`${name}: ${what}`));
    if (typeName(entity) === "dashboard") checkDashboard(data, wants, (what) => faults.push(`${name}: ${what}`));
  }
  return faults;
}

type Wants = (type: string, id: unknown, ...also: string[]) => void;
type Fault = (what: string) => void;

function checkEvent(data: Entity, wants: Wants, fault: Fault): void {
  const config = isObject(data["config"]) ? data["config"] : {};
  for (const stream of array(config["streams"])) wants("stream", stream, DEFAULT_STREAM);
  for (const one of array(data["notifications"]))
    if (isObject(one)) wants("notification", plain(one["notification_id"]));
  for (const one of array(data["storage"]))
    if (isObject(one) && !array(one["streams"]).includes(EVENTS_STREAM)) fault("is stored in no stream of events");
  const fields = isObject(data["field_spec"]) ? data["field_spec"] : {};
  for (const key of array(data["key_spec"]))
    if (!Object.hasOwn(fields, String(key))) fault(`key ${String(key)} is no field`);
  const series = new Set(array(config["series"]).map((one) => (isObject(one) ? String(one["id"]) : "")));
  for (const [, ref] of JSON.stringify(config["conditions"] ?? null).matchAll(/"ref":"([^"]+)"/g))
    if (!series.has(ref ?? "")) fault(`condition: there is no series ${ref}`);
  if (series.size > 0 && config["conditions"] === undefined) fault("a series without a condition");
}

function ruleEntityFaults(entity: Entity, data: Entity, entities: readonly Entity[]): readonly string[] {
  const source = String(plain(data["source"]));
  const faults = [...ruleFaults(source)];
  if (faults.length > 0) return faults;
  const { name } = parseRule(source);
  // Graylog looks a rule up by its name, with that as the id.
  if (name !== entity["id"] || name !== plain(data["title"])) faults.push("id, title and the rule's name differ");
  const titles = (type: string, of = "title") =>
    entities
      .filter((one) => typeName(one) === type && isObject(one["data"]))
      .map((one) => plain((one["data"] as Entity)[of]));
  for (const [, stream] of source.matchAll(/route_to_stream\(name: "([^"]+)"/g))
    if (!titles("stream").includes(stream)) faults.push(`there is no stream ${stream}`);
  for (const [, table] of source.matchAll(/lookup_table: "([^"]+)"/g))
    if (!titles("lookup_table", "name").includes(table)) faults.push(`there is no lookup table ${table}`);
  return faults;
}

function checkPipeline(data: Entity, wants: Wants, fault: Fault): void {
  for (const stream of array(data["connected_streams"])) wants("stream", plain(stream), DEFAULT_STREAM);
  try {
    const { name, stages } = parsePipeline(String(plain(data["source"])));
    if (name !== plain(data["title"])) fault("title and the pipeline's name differ");
    for (const { rules } of stages) for (const rule of rules) wants("pipeline_rule", rule);
    if (new Set(stages.map(({ number }) => number)).size < stages.length) fault("a stage twice");
  } catch (error) {
    fault(String(error));
  }
}

function checkDashboard(data: Entity, wants: Wants, fault: Fault): void {
  const search = isObject(data["search"]) ? data["search"] : {};
  const states = isObject(data["state"]) ? data["state"] : {};
  const queries = array(search["queries"]).filter(isObject);
  if (
    queries
      .map(({ id }) => id)
      .sort()
      .join() !== Object.keys(states).sort().join()
  )
    fault("queries and states differ");
  for (const query of queries) {
    const state = states[String(query["id"])];
    if (!isObject(state)) continue;
    const types = array(query["search_types"]).filter(isObject);
    const widgets = array(state["widgets"]).filter(isObject);
    for (const one of [...types, ...widgets])
      for (const stream of array(one["streams"])) wants("stream", stream, DEFAULT_STREAM);
    const ids = widgets.map(({ id }) => String(id)).sort();
    for (const member of ["widget_mapping", "positions"]) {
      const given = isObject(state[member]) ? state[member] : {};
      if (Object.keys(given).sort().join() !== ids.join()) fault(`${member} and widgets differ`);
    }
    const mapped = Object.values(isObject(state["widget_mapping"]) ? state["widget_mapping"] : {}).flat();
    if (
      mapped.map(String).sort().join() !==
      types
        .map(({ id }) => String(id))
        .sort()
        .join()
    )
      fault("widget_mapping and search types differ");
    for (const widget of widgets) checkWidget(widget, types, state, fault);
  }
}

/** What a widget shows is what its search asks for. */
function checkWidget(widget: Entity, types: readonly Entity[], state: Entity, fault: Fault): void {
  const mapping = isObject(state["widget_mapping"]) ? array(state["widget_mapping"][String(widget["id"])]) : [];
  const config = isObject(widget["config"]) ? widget["config"] : {};
  const shown = array(config["series"]).map((one) => (isObject(one) ? String(one["function"]) : ""));
  const type = types.find(({ id }) => mapping.includes(id));
  const asked = array(type?.["series"]).map((one) => (isObject(one) ? String(one["id"]) : ""));
  if (shown.join() !== asked.join())
    fault(`widget ${String(widget["id"])}: shows ${shown.join()}, asks for ${asked.join()}`);
}

function typeName({ type }: Entity): string {
  return isObject(type) ? String(type["name"]) : "";
}

const plain = (reference: unknown): unknown => (isObject(reference) ? reference["@value"] : undefined);
const array = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
