import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_OPTIONS } from "../../../src/setup/graylog/options.ts";
import { makePack } from "../../../src/setup/graylog/pack.ts";
import { ENTITY_SHAPES } from "../../support/content-pack-validator/entity-shapes.ts";
import { ruleFaults } from "../../support/content-pack-validator/rule-check.ts";
import { parsePipeline } from "../../support/content-pack-validator/rule-parser.ts";
import { isObject, type Shape } from "../../support/content-pack-validator/shape.ts";
import { ENVELOPE, kindOf, packFaults } from "../../support/content-pack-validator/validate.ts";
import { sharedOrSkip } from "../../support/shared.ts";

type Path = readonly (string | number)[];

const sound = JSON.parse(JSON.stringify(makePack(DEFAULT_OPTIONS, { allowlist: true })));

/** Where in a value properties stand that the shape requires. */
function required(shape: Shape, value: unknown, path: Path = []): Path[] {
  if (shape.is === "object" && isObject(value)) {
    const inner = [...Object.entries(shape.required), ...Object.entries(shape.optional)];
    return [
      ...Object.keys(shape.required).map((name) => [...path, name]),
      ...inner.flatMap(([name, of]) => required(of, value[name], [...path, name])),
    ];
  }
  if (shape.is === "chosen" && isObject(value)) {
    const meant = shape.among[String(value[shape.by])];
    return meant === undefined ? [] : required(meant, value, path);
  }
  if (shape.is === "list" && Array.isArray(value))
    return value.flatMap((item, at) => required(shape.of, item, [...path, at]));
  if (shape.is === "record" && isObject(value))
    return Object.entries(value).flatMap(([name, item]) => required(shape.of, item, [...path, name]));
  return [];
}

function without(path: Path): unknown {
  const pack = structuredClone(sound);
  let at = pack;
  for (const step of path.slice(0, -1)) at = at[step];
  delete at[path.at(-1) ?? ""];
  return pack;
}

/** One place for each property of each type: what stands in a list is looked at once. */
function everyProperty(): ReadonlyMap<string, Path> {
  const places = new Map<string, Path>();
  const add = (kind: string, path: Path, base: Path) => {
    const name = `${kind} ${path.map((step) => (typeof step === "number" || /-/.test(step) ? "*" : step)).join(".")}`;
    if (!places.has(name)) places.set(name, [...base, ...path]);
  };
  for (const path of required(ENVELOPE, sound)) add("pack", path, []);
  for (const [at, entity] of sound.entities.entries()) {
    const shape = ENTITY_SHAPES[kindOf(entity)];
    if (shape !== undefined)
      for (const path of required(shape, entity.data)) add(kindOf(entity), path, ["entities", at, "data"]);
  }
  return places;
}

const places = everyProperty();

test("the sound pack has every type of entity, and nothing to find fault with", () => {
  assert.deepEqual(packFaults(sound), []);
  const kinds = new Set(sound.entities.map(kindOf));
  assert.deepEqual(
    Object.keys(ENTITY_SHAPES).filter((kind) => !kinds.has(kind)),
    ["url_allowlist_entry/1"],
  );
  assert.ok(places.size > 150, String(places.size));
});

for (const [name, path] of places)
  test(`missed when it is not there: ${name}`, () => {
    assert.ok(
      packFaults(without(path)).some(
        (fault) =>
          fault.includes(String(path.at(-1))) || path.at(-1) === "type" || path.at(-1) === "id" || path.at(-1) === "v",
      ),
    );
    assert.notDeepEqual(packFaults(without(path)), []);
  });

const breakage: readonly [string, (pack: typeof sound) => void][] = [
  ["a parameter that is not declared", (pack) => pack.parameters.pop()],
  ["a parameter that nothing uses", (pack) => pack.parameters.push({ ...pack.parameters[0], name: "OTHER" })],
  ["a parameter of another type", (pack) => Object.assign(pack.parameters[1], { type: "string", default_value: "1" })],
  ["a default of another type", (pack) => Object.assign(pack.parameters[1], { default_value: "12201" })],
  [
    "a value that does not fit its reference",
    (pack) => Object.assign(find(pack, "stream").data.title, { "@value": 7 }),
  ],
  [
    "a word that Graylog does not know",
    (pack) => Object.assign(find(pack, "stream").data.matching_type, { "@value": "XOR" }),
  ],
  ["a version of the envelope that is none", (pack) => Object.assign(pack, { v: "2" })],
  ["a revision below 1", (pack) => Object.assign(pack, { rev: 0 })],
  [
    "a lookup table with a cache that is not there",
    (pack) => Object.assign(find(pack, "lookup_table").data.cache_name, { "@value": "x" }),
  ],
  ["an event on a stream that is not there", (pack) => find(pack, "event_definition").data.config.streams.push("x")],
  [
    "an event with a notification that is not there",
    (pack) =>
      find(pack, "event_definition").data.notifications.push({ notification_id: { "@type": "string", "@value": "x" } }),
  ],
  ["an event with a key that is no field", (pack) => find(pack, "event_definition").data.key_spec.push("x")],
  [
    "a condition on a series that is not there",
    (pack) => Object.assign(find(pack, "event_definition").data.config.series[0], { id: "x" }),
  ],
  [
    "a pipeline with a rule that is not there",
    (pack) => rewrite(find(pack, "pipeline"), /tipline-10-alert/, "tipline-11"),
  ],
  ["a rule whose name is not its id", (pack) => rewrite(find(pack, "pipeline_rule"), /^rule "[^"]+"/m, 'rule "other"')],
  [
    "a rule that routes to a stream that is not there",
    (pack) => Object.assign(find(pack, "stream").data.title, { "@value": "x" }),
  ],
  ["an entity twice", (pack) => pack.entities.push(pack.entities[0])],
  ["a widget without a place", (pack) => delete state(pack).positions[state(pack).widgets[0].id]],
  ["a widget without a search", (pack) => delete state(pack).widget_mapping[state(pack).widgets[0].id]],
  [
    "a widget that shows what nobody asks for",
    (pack) => Object.assign(state(pack).widgets[0].config.series[0], { function: "count()" }),
  ],
  ["a search without its state", (pack) => Object.assign(find(pack, "dashboard").data.search.queries[0], { id: "x" })],
];

// biome-ignore lint/suspicious/noExplicitAny: a pack that is about to be broken has no type.
type Loose = any;

function find(pack: Loose, type: string): Loose {
  return pack.entities.find((entity: Loose) => entity.type.name === type);
}

function state(pack: Loose): Loose {
  return Object.values(find(pack, "dashboard").data.state)[0];
}

function rewrite(entity: Loose, pattern: RegExp, by: string): void {
  entity.data.source["@value"] = entity.data.source["@value"].replace(pattern, by);
}

for (const [name, breakIt] of breakage)
  test(`found: ${name}`, () => {
    const pack = structuredClone(sound);
    breakIt(pack);
    assert.notDeepEqual(packFaults(pack), []);
  });

const rule = (when: string, then = "") => `rule "r" when ${when} then ${then} end`;

test("a rule that Graylog's grammar or its types refuse is refused", () => {
  const sources = {
    "no end": 'rule "r" when true then',
    "no condition": 'rule "r" when then end',
    "two rules": `${rule("true")}\n${rule("true")}`,
    "a quote that is not closed": rule('has_field("a)'),
    "an escape that is none": rule('has_field("\\d")'),
    "a keyword as a variable": rule("true", "let match = 1;"),
    "a keyword, in capitals, as the key of a map": rule("true", 'set_field(field: "a", value: {Rule: 1});'),
    "no semicolon": rule("true", 'remove_field("a")'),
    "a function that is none": rule('hasfield("a")'),
    "an argument that is none": rule('has_field(name: "a")'),
    "an argument that is missing": rule("true", 'set_field(field: "a");'),
    "arguments without names": rule("true", 'set_field("a", 1);'),
    "a field where text is wanted": rule('contains(value: $message.message, search: "a")'),
    "a condition that is no boolean": rule("to_string($message.a)"),
    "text compared with a number": rule("to_string($message.a) == 1"),
    "a variable before it is set": rule("true", 'set_field(field: "a", value: b);'),
  };
  for (const [name, source] of Object.entries(sources)) assert.notDeepEqual(ruleFaults(source), [], name);
  assert.deepEqual(
    ruleFaults(
      rule(
        'NOT has_field("a") && (true || has_field(field: "b"))',
        'let a = {x: "y"}; set_field(field: "a", value: a["x"]);',
      ),
    ),
    [],
  );
});

test("a pipeline that is none is refused", () => {
  for (const source of [
    'pipeline "p" end',
    'pipeline "p" stage 0 match some end',
    'pipeline "p" stage x match all end',
  ])
    assert.throws(() => parsePipeline(source), /expected/);
});

test("it takes what Graylog's own model was seen to take: the entities of the field's example", (t) => {
  const folder = sharedOrSkip(t);
  if (folder === undefined) return;
  const example = JSON.parse(readFileSync(join(folder, "data/graylog/tipline-pack.json"), "utf8"));
  // Its rules use functions and a way of calling them that this pack keeps away from.
  assert.deepEqual(
    packFaults(example).filter((fault) => !fault.startsWith("pipeline_rule ")),
    [],
  );
});
