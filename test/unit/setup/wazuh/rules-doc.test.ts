import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../../../src/lib/package-root.ts";
import { parseRules } from "../../../../src/setup/wazuh/rule-catalog.ts";
import { renderRules } from "../../../../src/setup/wazuh/rules.ts";
import { renderVisibility } from "../../../../src/setup/wazuh/visibility.ts";

const doc = readFileSync(join(packageRoot(), "docs/wazuh-rules.md"), "utf8");

test("the document's table has every rule with its level and groups", () => {
  const told = [...doc.matchAll(/^\| \**(1006\d\d)\** \| (\d+) \| ([^|]*)\|/gm)].map(([, id, level, groups = ""]) => ({
    id: Number(id),
    level: Number(level),
    groups: [...groups.replace("not `misp`", "").matchAll(/`([^`]+)`/g)].map(([, name]) => name).toSorted(),
  }));
  const real = parseRules(renderRules()).map(({ id, level, groups }) => ({
    id,
    level,
    groups: groups.filter((name) => name !== "misp").toSorted(),
  }));
  const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;
  assert.deepEqual(told.toSorted(byId), real.toSorted(byId));
});

test("the visibility table has every file with its first and last id", () => {
  for (const { kind, name, content } of renderVisibility()) {
    assert.ok(doc.includes(`\`${name}\``), name);
    if (kind !== "rules") continue;
    const ids = parseRules(content).map(({ id }) => id);
    assert.ok(doc.includes(`| \`${name}\` | ${Math.min(...ids)} to ${Math.max(...ids)} |`), name);
  }
});
