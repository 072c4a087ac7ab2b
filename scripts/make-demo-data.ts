import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageRoot } from "../src/lib/package-root.ts";
import { seeded } from "../test/support/random.ts";
import { EVENTS, eventUuid, feedFiles } from "./demo/feed-events.ts";
import { ordinary } from "./demo/noise.ts";
import { ruleOf } from "./demo/rules.ts";
import { AGENTS, type Shape } from "./demo/shape.ts";
import { TOLD } from "./demo/stories.ts";
import type { Told } from "./demo/told.ts";

/** Writes examples/demo (feed, alerts, what is expected of them); `--check` only compares and exits 1 when stale. */
const START = Date.parse("2026-11-18T09:12:00Z");
const LENGTH_SECONDS = 40 * 60;
const ALERTS = 420;
const SEED = 20261118;
const folder = join(packageRoot(), "examples/demo");

interface Placed {
  readonly at: number;
  readonly shape: Shape;
  readonly told?: Told;
}

function place(): Placed[] {
  const random = seeded(SEED);
  const kinds = ordinary(random);
  const told: Placed[] = TOLD.map((story) => ({ at: story.at + random() * 0.9, shape: story.shape, told: story }));
  const wanted = ALERTS - told.length;
  const weight = kinds.reduce((sum, [each]) => sum + each, 0);
  const noise: Placed[] = [];
  // Every kind comes as often as its weight says; the rest goes to the commonest kinds.
  for (const [each, make] of kinds) {
    for (let n = Math.floor((each * wanted) / weight); n > 0; n--)
      noise.push({ at: random() * LENGTH_SECONDS, shape: make() });
  }
  for (let n = 0; noise.length < wanted; n++)
    noise.push({ at: random() * LENGTH_SECONDS, shape: (kinds[n % 6] ?? kinds[0])![1]() });
  return [...told, ...noise].sort((a, b) => a.at - b.at);
}

interface Expected {
  readonly line: number;
  readonly id: string;
  readonly agent: string;
  readonly rule: string;
  readonly event: string;
  readonly event_uuid: string;
  readonly indicator: string;
  readonly outcome: string;
  readonly what: string;
}

function alerts(): { readonly text: string; readonly expected: Expected[] } {
  const fired = new Map<string, number>();
  const expected: Expected[] = [];
  let text = "";
  let offset = 1_204_553;
  for (const [index, { at, shape, told }] of place().entries()) {
    const time = new Date(Math.floor(START + at * 1000));
    const count = (fired.get(shape.rule) ?? 0) + 1;
    fired.set(shape.rule, count);
    const id = `${Math.floor(time.getTime() / 1000)}.${offset}`;
    const line = JSON.stringify({
      timestamp: time.toISOString().replace("Z", "+0000"),
      rule: ruleOf(shape.rule, count, shape.description),
      agent: AGENTS[shape.agent],
      manager: { name: "wazuh" },
      id,
      ...shape.body(time, index + 1),
    });
    text += `${line}\n`;
    offset += Buffer.byteLength(line) + 1;
    if (told !== undefined)
      expected.push({
        line: index + 1,
        id,
        agent: AGENTS[shape.agent].name,
        rule: shape.rule,
        event: told.event,
        event_uuid: eventUuid(told.event),
        indicator: told.indicator,
        outcome: told.outcome,
        what: told.what,
      });
  }
  return { text, expected };
}

const TABLE = /(<!-- table: begin -->\n)[\s\S]*(<!-- table: end -->)/;

function readme(expected: readonly Expected[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const short = (value: string) => (/^[0-9a-f]{40,}$/.test(value) ? `${value.slice(0, 12)}…` : value);
  const sections = EVENTS.map(({ key, info, org }) => {
    const rows = expected
      .filter(({ event }) => event === key)
      .map(
        (row) =>
          `| ${row.line} | ${row.agent} | ${row.rule} | \`${cell(short(row.indicator))}\` | ${row.outcome} | ${row.what} |`,
      );
    return `### ${info}\n\n${org}, event \`${eventUuid(key)}\`\n\n| line | agent | rule | indicator | outcome | what to see |\n| ---: | --- | --- | --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  const text = readFileSync(join(folder, "README.md"), "utf8");
  return text.replace(TABLE, (_all, begin: string, end: string) => `${begin}\n${sections.join("\n")}\n${end}`);
}

const { text, expected } = alerts();
const files = feedFiles();
files.set("alerts.ndjson", text);
files.set("expected.json", `[\n${expected.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`);
files.set("README.md", readme(expected));

if (process.argv.includes("--check")) {
  const stale = [...files]
    .filter(([name, content]) => readFileSync(join(folder, name), "utf8") !== content)
    .map(([name]) => name);
  if (stale.length > 0) {
    process.stderr.write(`examples/demo is stale (${stale.join(", ")}): run scripts/make-demo-data.ts\n`);
    process.exit(1);
  }
} else {
  mkdirSync(join(folder, "feed"), { recursive: true });
  for (const name of readdirSync(join(folder, "feed"))) rmSync(join(folder, "feed", name));
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  process.stderr.write(`wrote ${files.size} files to ${folder}: ${ALERTS} alerts, ${expected.length} of them told\n`);
}
