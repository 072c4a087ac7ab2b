import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { loadWarninglists } from "../../../src/intel/warninglist-load.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import { type IncomingPiece, KnowledgeStore } from "../../../src/store/knowledge.ts";
import "../../support/fuzz-seed.ts";
import { tempDir } from "../../support/temp.ts";

const UUID = "684998e4-847a-4f95-94fe-2ffa705e2926";

const list = (key: string, entries: readonly string[], version = "1"): IncomingPiece => ({
  kind: "warninglist",
  key,
  version: `v${version}`,
  document: { name: `List ${key}`, type: "string", version, matching_attributes: ["domain"], list: entries },
});
const same = ({ kind, key, version }: IncomingPiece): IncomingPiece => ({ kind, key, version });

async function* given(pieces: readonly IncomingPiece[], failure?: Error): AsyncGenerator<IncomingPiece> {
  yield* pieces;
  if (failure) throw failure;
}

function watched(): { readonly log: Log; readonly warnings: string[] } {
  const warnings: string[] = [];
  return { warnings, log: { ...silentLog, warn: (message) => void warnings.push(message) } };
}

const names = (store: KnowledgeStore, feed = "misp") => [...store.warninglists(feed)].map(({ name }) => name);
const entries = (store: KnowledgeStore, feed = "misp") => [...store.warninglists(feed)].flatMap((each) => each.entries);

test("keeps exactly the pieces of the last refresh, and says what changed", async (t) => {
  const store = new KnowledgeStore(tempDir(t), silentLog);
  const first = await store.replace("misp", given([list("1", ["a.example"]), list("2", ["b.example"])]), 1000);
  assert.deepEqual([first.changed, first.added.length, first.held.warninglist], [true, 2, 2]);
  const again = await store.replace("misp", given([same(list("1", [])), same(list("2", []))]), 2000);
  assert.deepEqual([again.changed, again.added, again.updated, again.removed], [false, [], [], []]);
  assert.equal(store.held("misp")?.refreshedAt, 2000);
  const third = await store.replace("misp", given([list("2", ["c.example"], "2")]), 3000);
  assert.deepEqual(
    [third.added, third.updated.map(({ name }) => name), third.removed.map(({ name }) => name)],
    [[], ["List 2"], ["List 1"]],
  );
  assert.deepEqual(entries(store), ["c.example"]);
  assert.deepEqual(await store.versions("misp"), new Map([["warninglist/2", "v2"]]));
});

test("a refresh that breaks off leaves what is held, and no litter after the next", async (t) => {
  const dir = tempDir(t);
  const store = new KnowledgeStore(dir, silentLog);
  await store.replace("misp", given([list("1", ["a.example"])]), 1000);
  const before = store.held("misp");
  const torn = given([list("1", ["b.example"], "2"), list("3", ["c.example"])], new Error("connection lost"));
  await assert.rejects(store.replace("misp", torn, 2000), /connection lost/);
  assert.deepEqual([store.held("misp"), entries(store)], [before, ["a.example"]]);
  await store.replace("misp", given([same(list("1", []))]), 3000);
  assert.equal(readdirSync(join(dir, "misp", "warninglists")).length, 1);
});

test("the digest changes with the contents and with nothing else", async (t) => {
  const store = new KnowledgeStore(tempDir(t), silentLog);
  const digests: (string | undefined)[] = [];
  for (const [at, pieces] of [
    [list("1", ["a.example"]), list("2", ["b.example"])],
    [list("2", ["b.example"]), list("1", ["a.example"])],
    [list("1", ["a.example"]), list("2", ["B.example"])],
    [list("1", ["a.example"])],
  ].entries()) {
    await store.replace("misp", given(pieces), at);
    digests.push(store.held("misp")?.digest);
  }
  assert.equal(digests[0], digests[1]);
  assert.equal(new Set(digests).size, 3);
});

test("lists are in the layout of MISP's own files", async (t) => {
  const dir = tempDir(t);
  const store = new KnowledgeStore(dir, silentLog);
  await store.replace("misp", given([list("1", ["a.example"])]), 1000);
  const set = loadWarninglists(join(dir, "misp", "warninglists"), silentLog);
  assert.deepEqual(set.check("domain", "a.example", ["domain"]), [{ name: "List 1", action: "annotate" }]);
});

test("a damaged piece is left out with a warning and counts as not held", async (t) => {
  for (const damage of [
    (path: string) => appendFileSync(path, " "),
    (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace("b.example", "x.example")),
    (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 20)),
    (path: string) => rmSync(path),
  ]) {
    const dir = tempDir(t);
    const { log, warnings } = watched();
    const store = new KnowledgeStore(dir, log);
    await store.replace("misp", given([list("1", ["a.example"]), list("2", ["b.example"])]), 1000);
    const folder = join(dir, "misp", "warninglists");
    const file = readdirSync(folder).find((name) =>
      readFileSync(join(folder, name, "list.json"), "utf8").includes("b.e"),
    );
    damage(join(folder, String(file), "list.json"));
    assert.deepEqual(names(store), ["List 1"]);
    assert.deepEqual([...(await store.versions("misp")).keys()], ["warninglist/1"]);
    assert.deepEqual(new Set(warnings), new Set(["damaged knowledge skipped; it is fetched again"]));
    await store.replace("misp", given([same(list("1", [])), list("2", ["b.example"])]), 2000);
    assert.deepEqual(names(store), ["List 1", "List 2"]);
  }
});

test("a torn index is as if nothing were held, and the next refresh heals it", async (t) => {
  for (const content of ["", "{", "0\n{}\n", `${"0".repeat(64)}\n{"format":1,"pieces":[]}\n`]) {
    const dir = tempDir(t);
    const { log, warnings } = watched();
    const store = new KnowledgeStore(dir, log);
    await store.replace("misp", given([list("1", ["a.example"])]), 1000);
    writeFileSync(join(dir, "misp", "pieces.json"), content);
    assert.deepEqual([store.held("misp"), names(store), (await store.versions("misp")).size], [undefined, [], 0]);
    assert.ok(warnings.length > 0);
    await store.replace("misp", given([list("1", ["a.example"])]), 2000);
    assert.deepEqual(names(store), ["List 1"]);
  }
});

test("what is named without a document must be held in that version", async (t) => {
  const store = new KnowledgeStore(tempDir(t), silentLog);
  await store.replace("misp", given([list("1", ["a.example"])]), 1000);
  const change = await store.replace("misp", given([{ kind: "warninglist", key: "1", version: "other" }]), 2000);
  assert.deepEqual([change.removed.length, names(store)], [1, []]);
});

test("what is no list of MISP's is refused, the others are taken", async (t) => {
  const { log, warnings } = watched();
  const store = new KnowledgeStore(tempDir(t), log);
  const odd: JsonValue[] = [
    null,
    [],
    "list",
    { name: "", type: "string", list: [] },
    { name: "x", type: "sieve", list: [] },
    { name: "x", type: "string" },
  ];
  const pieces = odd.map(
    (document, at): IncomingPiece => ({ kind: "warninglist", key: `odd${at}`, version: "1", document }),
  );
  await store.replace("misp", given([...pieces, list("1", ["a.example"])]), 1000);
  assert.deepEqual([names(store), warnings.length], [["List 1"], odd.length]);
});

test("sightings of several pieces are one, with the latest times", async (t) => {
  const store = new KnowledgeStore(tempDir(t), silentLog);
  const week = (key: string, times: Record<string, number>): IncomingPiece => ({
    kind: "sightings",
    key,
    version: "1",
    document: times,
  });
  const pieces = [
    week("week-1", { [UUID]: 100, other: 5 }),
    week("week-2", { [UUID]: 200 }),
    {
      kind: "false-positives",
      key: "own",
      version: "1",
      document: JSON.parse('{"__proto__": 7, "x": "soon"}'),
    } as const,
    { kind: "taxonomy", key: "tlp", version: "1", document: { namespace: "tlp", numbers: {} } } as const,
  ];
  await store.replace("misp", given(pieces), 1000);
  const { sightings, falsePositives, taxonomies, decayingModels } = store.knowledge("misp");
  assert.deepEqual(sightings, { [UUID]: 200, other: 5 });
  assert.deepEqual(Object.entries(falsePositives), [["__proto__", 7]]);
  assert.deepEqual([taxonomies, decayingModels], [[{ namespace: "tlp", numbers: {} }], []]);
});

test("a feed that is not configured any more is forgotten; other files are not touched", async (t) => {
  const dir = tempDir(t);
  const store = new KnowledgeStore(dir, silentLog);
  await store.replace("misp", given([list("1", ["a.example"])]), 1000);
  await store.replace("partner", given([list("1", ["b.example"])]), 1000);
  mkdirSync(join(dir, "README.d"));
  assert.deepEqual(await store.retain(["partner"]), ["misp"]);
  assert.deepEqual([names(store), names(store, "partner")], [[], ["List 1"]]);
  assert.ok(existsSync(join(dir, "README.d")));
});

test("no key, version or name leads out of the folder", async (t) => {
  const hostile = fc.oneof(
    fc.constantFrom("../../x", "..", ".", "", "/etc/passwd", "a/b", "__proto__", "constructor", "\0", "x".repeat(400)),
    fc.string({ maxLength: 40 }),
  );
  const piece = fc.record({
    kind: fc.constantFrom("warninglist" as const, "taxonomy" as const, "sightings" as const),
    key: hostile,
    version: hostile,
    name: hostile,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const root = tempDir(t);
      const dir = join(root, "knowledge");
      const store = new KnowledgeStore(dir, silentLog);
      const incoming = pieces.map(
        ({ kind, key, version, name }): IncomingPiece => ({
          kind,
          key,
          version,
          document: kind === "warninglist" ? { name, type: "string", list: [name] } : { namespace: name, [name]: 1 },
        }),
      );
      await store.replace("misp", given(incoming), 1);
      assert.deepEqual(readdirSync(root), ["knowledge"]);
      assert.deepEqual(readdirSync(dir), ["misp"]);
      for (const file of readdirSync(join(dir, "misp"), { recursive: true, encoding: "utf8" }))
        assert.match(
          file,
          /^(?:pieces\.json|(?:warninglists|taxonomies|sightings)(?:\/[0-9a-f]{24}(?:\.json|\/list\.json)?)?)$/,
        );
      const versions = await store.versions("misp");
      const kept = incoming.filter(({ key, version }) => key.length <= 300 && version.length <= 300);
      for (const { kind, key } of kept)
        if (kind !== "warninglist") assert.ok(versions.has(`${kind}/${key}`), JSON.stringify(key));
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 30) },
  );
});

test("a feed's name that is none is refused", async (t) => {
  const store = new KnowledgeStore(tempDir(t), silentLog);
  for (const name of ["../x", "", "A", "a/b", "__proto__"])
    await assert.rejects(store.replace(name, given([]), 1), { code: "TIP_INTERNAL" });
});
