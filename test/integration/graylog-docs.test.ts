import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { ALERT_FIELDS, MISP_FIELDS, OWN_FIELDS } from "../../src/clients/gelf-fields.ts";
import { configSchema } from "../../src/config/schema.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import { DEFAULT_OPTIONS } from "../../src/setup/graylog/options.ts";
import { makePack } from "../../src/setup/graylog/pack.ts";
import { ASKED_FIELDS, MAX_FIELD_CHARS } from "../../src/setup/graylog/rules.ts";
import gelf from "../../src/sinks/gelf.ts";
import graylog from "../../src/sources/graylog.ts";
import { cli } from "../support/cli.ts";

const file = join(packageRoot(), "docs/graylog.md");
const text = readFileSync(file, "utf8");
const pack = makePack(DEFAULT_OPTIONS);
const titles = pack.entities.map(({ data }) => (data["title"] as { "@value"?: string } | undefined)?.["@value"]);

test("every command and flag of the page exists, and every flag of the command is useful or explained by itself", async () => {
  const help = (await cli(["install", "graylog", "--help"])).stdout;
  const lines = text.split("\n").filter((line) => /install graylog|^ {2}--|^\| `--/.test(line));
  const flags = new Set(lines.flatMap((line) => [...line.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag)));
  assert.ok(flags.size > 15);
  for (const flag of flags) assert.ok(help.includes(`${flag} `) || help.includes(`${flag}\n`), flag);
  const all = await cli(["--help"]);
  for (const [, command = ""] of text.matchAll(/`tipline ([a-z-]+)/g))
    assert.match(all.stdout, new RegExp(`^  ${command}\\b`, "m"), command);
});

test("every entity, field, default and threshold that it names is the pack's", () => {
  const named = [...text.matchAll(/\*(Tipline[:a-z ,()A-Z]*)\*/g)].map(([, title = ""]) => title);
  assert.ok(new Set(named).size >= 10);
  for (const title of named) assert.ok(titles.includes(title), title);
  for (const title of titles.filter((one) => one?.startsWith("Tipline") && !/answers|known|GET/.test(one)))
    assert.ok(text.includes(title ?? ""), title);
  const fields = new Set([...ALERT_FIELDS, ...MISP_FIELDS].map(({ name }) => name));
  for (const [, name = ""] of text.matchAll(/`(tipline_[a-z_]+|wazuh_[a-z_]+[a-z])[:`]/g)) {
    const known = fields.has(name) || Object.hasOwn(OWN_FIELDS, name) || name.endsWith("_total");
    assert.ok(known || ["tipline_lookup", "tipline_via", "tipline_trouble"].includes(name), name);
  }
  for (const field of ASKED_FIELDS) assert.ok(text.includes(`\`${field}\``), field);
  const { gelfPort, rawPort, minScore, hosts, tiplineUrl } = DEFAULT_OPTIONS;
  for (const said of [
    `delimited, ${gelfPort}`,
    `${rawPort} |`,
    `score ${minScore} or more`,
    `${hosts} within an hour`,
    tiplineUrl,
  ])
    assert.ok(text.includes(said), said);
  assert.ok(text.includes(`${MAX_FIELD_CHARS.toLocaleString("en")} characters`));
});

test("its configuration is one that Tipline takes", () => {
  const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(text) ?? [];
  const { http, lookup, sources, sinks } = parse(yaml);
  assert.deepEqual(configSchema.shape.http.safeParse(http).error, undefined);
  assert.deepEqual(configSchema.shape.lookup.safeParse(lookup).error, undefined);
  const { type: source, ...fromGraylog } = sources["from-graylog"];
  const { type: sink, ...toGraylog } = sinks.graylog;
  assert.deepEqual([source, sink], [graylog.type, gelf.type]);
  assert.deepEqual(graylog.config.safeParse(fromGraylog).error, undefined);
  assert.deepEqual(gelf.config.safeParse(toGraylog).error, undefined);
});

test("links lead somewhere, metrics exist, and the table says for each symptom where to look and what to do", () => {
  for (const [, link = ""] of text.matchAll(/\]\(([^)#:]+)\)/g)) assert.ok(existsSync(join(dirname(file), link)), link);
  const metrics = readFileSync(join(packageRoot(), "docs/METRICS.md"), "utf8");
  for (const [, metric = ""] of text.matchAll(/`(tipline_[a-z_]+_total)`/g))
    assert.ok(metrics.includes(metric), metric);
  const [, table = ""] = /## When nothing arrives(.*?)\n\*\*/s.exec(text) ?? [];
  const rows = table.split("\n").filter((line) => line.startsWith("| "));
  assert.ok(rows.length > 12);
  for (const row of rows) assert.equal(row.split(/(?<!\\)\|/).filter((cell) => cell.trim() !== "").length, 3, row);
});
