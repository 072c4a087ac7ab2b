import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openAdhoc } from "../../../src/app/adhoc-feeds.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";
import { tempDir } from "../../support/temp.ts";

const event = (domain: string) =>
  JSON.stringify({
    Event: {
      uuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
      info: "Test",
      Attribute: [
        {
          uuid: "5f0f3e6a-0000-4000-8000-0000000000a1",
          type: "domain",
          category: "Network activity",
          value: domain,
          to_ids: true,
        },
      ],
    },
  });

test("a feed whose files are links is built anew when what they point to changes", async (t) => {
  const dir = tempDir(t);
  const feed = join(dir, "feed");
  const target = join(dir, "target.json");
  mkdirSync(feed);
  symlinkSync(target, join(feed, "event.json"));
  symlinkSync(join(dir, "absent"), join(feed, "dangling.txt"));
  for (const domain of ["one.example", "two.example"]) {
    writeFileSync(target, event(domain));
    const store = await openAdhoc({ feeds: [feed], cacheDir: join(dir, "cache"), log: silentLog });
    assert.equal(store.current()?.index.lookup("domain", domain as CanonicalValue).length, 1, domain);
    store.close();
  }
});

test("another process that built the same feed meanwhile does no harm", async (t) => {
  const dir = tempDir(t);
  const feed = join(dir, "event.json");
  const [cacheDir, theirs] = [join(dir, "cache"), join(dir, "theirs")];
  writeFileSync(feed, event("one.example"));
  (await openAdhoc({ feeds: [feed], cacheDir: theirs, log: silentLog })).close();
  const [built = ""] = readdirSync(join(theirs, "feeds"));
  // Theirs is there after we looked, and before we are done: pulling tells its progress.
  let came = false;
  const arrive = () => {
    if (came) return;
    came = true;
    cpSync(join(theirs, "feeds", built), join(cacheDir, "feeds", built), { recursive: true });
  };
  const store = await openAdhoc({ feeds: [feed], cacheDir, log: silentLog, onProgress: arrive });
  assert.ok(came);
  assert.equal(store.current()?.index.lookup("domain", "one.example" as CanonicalValue).length, 1);
  store.close();
  assert.deepEqual(readdirSync(join(cacheDir, "feeds")), [built]);
});
