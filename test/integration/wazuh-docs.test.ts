import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { configSchema } from "../../src/config/schema.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import { cli } from "../support/cli.ts";

const file = join(packageRoot(), "docs/wazuh.md");
const text = readFileSync(file, "utf8");

/** `tipline …` as it stands in the text, in code of either kind. */
function commands(): string[][] {
  const code = [...text.matchAll(/```sh\n(.*?)```|`([^`\n]+)`/gs)].map(([, block, span]) => block ?? span ?? "");
  return code
    .flatMap((piece) => piece.split("\n"))
    .flatMap((line) => [...line.matchAll(/(?:^|sudo |-u tipline |credentials )tipline ((?:[a-z-]+ ?)+)([^#|;"]*)/g)])
    .map(([, words = "", rest = ""]) =>
      [...words.trim().split(" "), ...rest.split(/\s+/)].filter((word) => word !== ""),
    );
}

const KNOWN = [
  "doctor misp",
  "doctor wazuh",
  "install wazuh",
  "install systemd",
  "uninstall wazuh",
  "dead-letter list",
  "dead-letter replay",
];

test("every command and flag in docs/wazuh.md exists", async () => {
  const helps = new Map<string, Promise<string>>();
  const found = commands().filter(([first]) => first !== undefined && !["and", "is"].includes(first));
  assert.ok(found.length > 20);
  for (const words of found) {
    const two = words.slice(0, 2).join(" ");
    const command = KNOWN.includes(two) ? two : (words[0] ?? "");
    if (!helps.has(command)) {
      const help = cli([...command.split(" "), "--help"]).then(({ code, stdout, stderr }) => {
        assert.equal(code, 0, `tipline ${command}: ${stderr}`);
        return stdout;
      });
      helps.set(command, help);
    }
    const help = await helps.get(command);
    for (const flag of words.filter((word) => /^--?[a-z]/.test(word)))
      assert.ok(help?.includes(flag), `tipline ${command} has no ${flag}`);
  }
});

test("every file, metric and configuration key that it names exists", () => {
  const names = [...text.matchAll(/`(setup\/[^`\s]+)`|\]\(([^)#:]+)\)/g)].map(([, own, link]) =>
    own === undefined ? join(dirname(file), link ?? "") : join(packageRoot(), own),
  );
  assert.ok(names.length >= 5);
  for (const name of names) assert.ok(existsSync(name), name);
  const metrics = readFileSync(join(packageRoot(), "docs/METRICS.md"), "utf8");
  for (const [, metric = ""] of text.matchAll(/`(tipline_[a-z_]+)/g)) assert.ok(metrics.includes(metric), metric);
  const sink = Object.keys(wazuh.config.parse({}) as object);
  for (const key of ["rate", "confirm_timeout", "confirm_resends"])
    assert.ok(sink.includes(key) && text.includes(key), key);
  assert.ok("state_dir" in configSchema.shape);
});

test("each row and next step of the field's own troubleshooting table has its answer and the command that shows it", () => {
  const rows =
    text
      .split("## Troubleshooting")[1]
      ?.split("\n")
      .filter((line) => line.startsWith("| ")) ?? [];
  for (const said of [
    "MISP matches not appearing on dashboard",
    "alerts silently dropped",
    "Socket communication confirmed but alerts missing",
    "Rule execution trace missing",
    "Log enrichment not parsed by Graylog",
    "rule inheritance and possible suppression",
    "integration=misp",
    "identify match failures",
    "endpoint scenarios (file hashes, DNS queries)",
  ]) {
    const row = rows.find((line) => line.includes(said));
    assert.ok(row, said);
    const [, , , answer = ""] = row.split(/(?<!\\)\|/);
    assert.match(answer, /`[^`]+`/, said);
  }
});
