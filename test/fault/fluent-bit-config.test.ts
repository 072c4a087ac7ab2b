import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SectionDraft } from "../../src/setup/fluent-bit/generate.ts";
import type { Format } from "../../src/setup/fluent-bit/render.ts";
import { changed, examined, healthy, idsOf } from "../support/fluent-bit-config.ts";
import { FAULTS, type Fault } from "../support/fluent-bit-faults.ts";
import { tempDir } from "../support/temp.ts";

/** Faults of which the text of a setting is the whole of. */
const withHeader = (drafts: readonly SectionDraft[]): readonly SectionDraft[] =>
  drafts.map((draft) =>
    draft.settings.some(([, value]) => value === "http")
      ? { ...draft, settings: [...draft.settings, ["Header", "Content-Type application/json"] as const] }
      : draft,
  );

function faulty({ id, at, put, add }: Fault): readonly SectionDraft[] {
  if (add) return [...healthy(), add];
  return id === "content-type-header" ? withHeader(healthy()) : changed(healthy(), at, put);
}

describe("a fault put into a healthy file", () => {
  for (const fault of FAULTS)
    for (const format of ["classic", "yaml"] as const satisfies readonly Format[])
      test(`${fault.id} at ${fault.at} (${Object.keys(fault.put).join(", ") || "added"}), ${format}`, (t) => {
        const folder = tempDir(t);
        const drafts = faulty(fault);
        const found = examined(folder, drafts, format, fault.absent);
        assert.deepEqual(idsOf(found), [fault.id], JSON.stringify(found));
        const [finding] = found;
        assert.ok(finding);
        assert.equal(finding.status, fault.status);
        assert.ok(finding.line > 1 && finding.consequence !== "" && finding.advice !== "");
        if (fault.add || fault.id === "content-type-header") return;
        const before = Object.fromEntries(
          Object.keys(fault.put).map((key) => [key, settingOf(healthy(), fault.at, key)]),
        );
        const cure = fault.cure ?? before;
        for (const [key, value] of Object.entries(cure)) {
          if (value === undefined) assert.match(finding.advice, /remove|instead of/);
          else assert.ok(finding.advice.includes(value), `${key} ${value} is not in: ${finding.advice}`);
        }
        // What the advice leaves to the reader, such as the path, is what was there.
        const cured = changed(drafts, fault.at, { ...before, ...cure });
        assert.deepEqual(idsOf(examined(folder, cured, format)), []);
      });

  test("there are at least 25 of them, and a healthy file has none", (t) => {
    assert.ok(new Set(FAULTS.map(({ id }) => id)).size >= 50);
    const folder = tempDir(t);
    for (const format of ["classic", "yaml"] as const) assert.deepEqual(examined(folder, healthy(), format), []);
  });
});

function settingOf(drafts: readonly SectionDraft[], plugin: string, key: string): string | undefined {
  const draft = drafts.find(
    ({ kind, settings }) => (settings.find(([name]) => name === "Name")?.[1] ?? kind) === plugin,
  );
  return draft?.settings.find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
}
