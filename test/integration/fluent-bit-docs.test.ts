import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { configSchema } from "../../src/config/schema.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import http from "../../src/sources/http.ts";
import { cli } from "../support/cli.ts";
import { examinedText, idsOf } from "../support/fluent-bit-config.ts";
import { FAULTS } from "../support/fluent-bit-faults.ts";
import { tempDir } from "../support/temp.ts";

const file = join(packageRoot(), "docs/fluent-bit.md");
const text = readFileSync(file, "utf8");
const blocks = (kind: string) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, block = ""]) => (of === kind ? [block] : []));
const commands = blocks("sh")
  .flatMap((block) => block.split("\n"))
  .filter((line) => line.startsWith("tipline "))
  .map((line) => line.split(/\s+/).slice(1));

test("every command and flag of the page exists, and each install of it prints a file without a fault", async (t) => {
  assert.ok(commands.length >= 6);
  const helps = new Map<string, string>();
  const folder = tempDir(t);
  for (const words of commands) {
    const command = words.slice(0, 2).join(" ");
    const help = helps.get(command) ?? (await cli([...words.slice(0, 2), "--help"])).stdout;
    helps.set(command, help);
    for (const flag of words.filter((word) => word.startsWith("--")))
      assert.ok(help.includes(flag), `${command} ${flag}`);
    if (command !== "install fluent-bit") continue;
    const flags = words.filter((word) => !["--start", "--dry-run", "--print"].includes(word));
    const { code, stdout, stderr } = await cli([...flags, "--print"]);
    assert.equal(code, 0, stderr);
    const format = words.includes("yaml") ? "yaml" : "classic";
    // One example goes to Graylog in clear.
    const wanted = words.includes("--no-graylog-tls") ? ["tls-off"] : [];
    assert.deepEqual(idsOf(examinedText(folder, stdout, format)), wanted);
  }
});

test("every snippet of Fluent Bit is, line by line, what is written", () => {
  const both = readFileSync(join(packageRoot(), "setup/fluent-bit/both.conf"), "utf8").split("\n");
  const squeezed = new Set(both.map((line) => line.trim().replace(/ +/g, " ")));
  const lines = blocks("")
    .flatMap((block) => block.split("\n"))
    .filter((line) => line.trim() !== "");
  assert.ok(lines.length >= 10);
  for (const line of lines) assert.ok(squeezed.has(line.trim().replace(/ +/g, " ")), line);
});

test("the configuration of Tipline on the page is one", () => {
  const [yaml = ""] = blocks("yaml");
  const document = parse(yaml) as { http: unknown; sources: Record<string, Record<string, unknown>> };
  configSchema.shape.http.parse(document.http);
  const { type, ...settings } = document.sources["fluent-bit"] ?? {};
  assert.equal(type, http.type);
  http.config.parse(settings);
});

test("files, faults and names of the page exist", () => {
  for (const [, own, link] of text.matchAll(/`(setup\/[^`\s]+)`|\]\(([^)#:]+)\)/g)) {
    const path = own === undefined ? join(dirname(file), link ?? "") : join(packageRoot(), own);
    assert.ok(existsSync(path), path);
  }
  const known = readdirSync(join(packageRoot(), "src/setup/fluent-bit"))
    .filter((name) => name.startsWith("rules-"))
    .map((name) => readFileSync(join(packageRoot(), "src/setup/fluent-bit", name), "utf8"))
    .join("");
  const table = text.slice(text.indexOf("| fault |"), text.indexOf("## 4."));
  const ids = [...table.matchAll(/`([a-z0-9-]+)`/g)].map(([, id = ""]) => id);
  assert.ok(ids.length > 30);
  for (const id of ids) assert.ok(known.includes(`"${id}"`), id);
  for (const { id } of FAULTS) assert.ok(known.includes(`"${id}"`) || id === "parsers-file-missing", id);
});
