import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";
import { cli, fromRoot } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";

interface Expected {
  readonly id: string;
  readonly event_uuid: string;
  readonly indicator: string;
  readonly outcome: "match" | "weak" | "benign" | "none";
}

const expected = JSON.parse(readFileSync(fromRoot("examples/demo/expected.json"), "utf8")) as readonly Expected[];

describe("the bundled demo", () => {
  it("matches each alert of its stories, with the event it belongs to, and nothing else", async (t) => {
    const { stdout, code, stderr } = await cli(
      [
        "enrich",
        "--feed",
        "examples/demo/feed",
        "--warninglists",
        "examples/demo/warninglists",
        "examples/demo/alerts.ndjson",
      ],
      { env: { XDG_CACHE_HOME: tempDir(t) } },
    );
    assert.equal(code, 0, stderr);
    const found = new Map(
      stdout
        .trim()
        .split("\n")
        .map((line) => {
          const { id, data } = JSON.parse(line) as {
            id: string;
            data: { integration: string; misp: Record<string, string> };
          };
          assert.equal(data.integration, "misp");
          return [id, data.misp] as const;
        }),
    );
    const wanted = expected.filter(({ outcome }) => outcome !== "none");
    assert.deepEqual([...found.keys()].sort(), wanted.map(({ id }) => id).sort());
    for (const { id, event_uuid, outcome } of wanted) {
      const misp = found.get(id);
      assert.equal(misp?.["event_uuid"], event_uuid, id);
      assert.equal(misp?.["band"] === "benign", outcome === "benign", id);
      assert.equal(misp?.["warninglist"] !== undefined, outcome === "benign", id);
      if (outcome === "weak") assert.ok(Number(misp?.["score"]) <= 40, id);
    }
  });

  it("ends by itself with --once, having read every alert and shown a suppressed one with its list", async () => {
    const { stdout, stderr, code } = await cli(["demo", "--once", "--rate", "2000"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /420 alerts read, 57 matched, .* 0 lost/);
    assert.match(stdout, /8\.8\.8\.8[\s\S]*public DNS/i);
    assert.match(stdout, /quarantined: .*empty file/);
    assert.match(stdout, /What next/);
  });

  it("names what can be done next as it works from where it was started", async (t) => {
    for (const [cwd, command] of [
      [undefined, "npx tipline"],
      [tempDir(t), "tipline"],
    ] as const) {
      const { stdout } = await cli(["demo", "--once", "--rate", "5000"], cwd === undefined ? {} : { cwd });
      const [, said, feed = ""] = /: {2}(\S.*) enrich --feed (\S+) /.exec(stdout) ?? [];
      assert.equal(said, command);
      assert.ok(existsSync(resolve(cwd ?? packageRoot(), feed)), feed);
    }
  });

  it("ends cleanly on Ctrl-C", async () => {
    const { stdout, code } = await cli(["demo", "--rate", "50"], {
      interruptWhen: (text) => text.includes("198.18.66.21"),
    });
    assert.equal(code, 0);
    assert.match(stdout, /alerts read/);
  });
});
