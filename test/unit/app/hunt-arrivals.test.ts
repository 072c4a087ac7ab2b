import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ArrivalNotes, arrivalQueue } from "../../../src/app/hunt-arrivals.ts";
import type { FeedPage } from "../../../src/contract/feed.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { openGenerations } from "../../../src/store/generations.ts";
import { openEarlier } from "../../../src/store/hunt-generation.ts";
import { anIndicator } from "../../support/make.ts";
import { tempDir } from "../../support/temp.ts";

test("only what was no indicator before arrives: not what was tagged, moved or pulled again", async (t) => {
  const rig = new Rig(t, ["one", "two"]);
  await rig.sync("one", "full", ["a.example", "b.example"]);
  assert.deepEqual(rig.arrived(), [], "the first pull of a feed is the beginning");
  await rig.sync("one", "delta", ["b.example", "c.example"], "another event");
  assert.deepEqual(rig.arrived(), ["c.example"]);
  await rig.sync("one", "full", ["a.example", "b.example", "c.example", "d.example"], "tagged");
  assert.deepEqual(rig.arrived(), ["d.example"]);
  await rig.sync("two", "full", ["e.example"]);
  assert.deepEqual(rig.arrived(), [], "configured from the beginning: its first pull, however late");
  await rig.sync("two", "full", ["e.example", "a.example", "f.example"]);
  assert.deepEqual(rig.arrived(), ["f.example"], "known from another feed");
  await rig.sync("three", "full", ["g.example", "a.example"]);
  assert.deepEqual(rig.arrived(), ["g.example"], "a feed that was added later");
});

test("an earlier generation is known while its files are there, and arrivals outlive the process", async (t) => {
  const rig = new Rig(t, ["one"]);
  await rig.sync("one", "full", ["a.example"]);
  const { generation = "" } = rig.notes.queue.state() ?? {};
  await rig.sync("one", "full", ["a.example", "b.example"]);
  const before = openEarlier(rig.dir, generation);
  assert.equal([...(before?.all() ?? [])].length, 1);
  before?.close();
  assert.equal(openEarlier(rig.dir, "20260101T000000-00000000"), undefined);
  const again = arrivalQueue(rig.stateDir);
  const [arrival] = again.list();
  assert.deepEqual([arrival?.count, arrival?.at, arrival?.to], [1, 2_000, 1_995]);
  again.remove(again.list());
  assert.deepEqual(again.list(), []);
});

class Rig {
  readonly stateDir: string;
  readonly dir: string;
  readonly notes: ArrivalNotes;
  readonly #store;
  readonly #configured: string[];
  #syncs = 0;

  constructor(t: TestContext, configured: string[]) {
    this.stateDir = tempDir(t);
    this.dir = join(this.stateDir, "generations");
    this.#configured = configured;
    this.#store = openGenerations({ dir: this.dir, log: silentLog });
    this.notes = new ArrivalNotes(arrivalQueue(this.stateDir), silentLog);
    t.after(() => this.#store.close());
  }

  async sync(feed: string, mode: "full" | "delta", names: readonly string[], info = "x"): Promise<void> {
    const before = this.#store.current();
    const uuid = (name: string) =>
      `5f0f3e6a-0000-4000-8000-${Buffer.from(`${info} ${name}`).toString("hex").slice(0, 12).padEnd(12, "0")}`;
    const indicators = names.map((name) => {
      const event = { uuid: uuid(name), info: `${info} ${name}`, tags: [] };
      return anIndicator("domain", name, { feed, event, attributeUuid: uuid(name) });
    });
    const page: FeedPage = { indicators, withdrawnEvents: [], refused: [], skipped: new Map() };
    const pages = (async function* () {
      yield page;
    })();
    await this.#store.update({ changes: [{ feed, pull: { mode, pages, cursor: () => this.#syncs } }] });
    const after = this.#store.current();
    assert.ok(after);
    const at = ++this.#syncs * 1_000;
    this.notes.arrived({
      before: before?.index,
      after: after.index,
      generation: after.id,
      feeds: { configured: this.#configured, known: this.#store.feeds(), partial: this.#store.partialFeeds() },
      at,
      to: at - 5,
    });
    await this.notes.settled();
    before?.index.close();
  }

  arrived(): string[] {
    const { queue } = this.notes;
    const values = [...queue.values(queue.list())].map(([, , value]) => value);
    queue.remove(queue.list());
    return values.sort();
  }
}
