import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import type { Definition } from "../../src/contract/define.ts";
import type { Feed } from "../../src/contract/feed.ts";
import listFile from "../../src/feeds/list-file.ts";
import mispFeed from "../../src/feeds/misp-feed.ts";
import mispServer from "../../src/feeds/misp-server.ts";
import { silentLog } from "../../src/lib/log.ts";
import { FakeMisp, KEY, uuid } from "../support/fake-misp.ts";
import { json, serve, tlsFixture } from "../support/http-server.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { tempDir } from "../support/temp.ts";
import { zipOf } from "../support/zip.ts";
import { NAME, testFeed } from "./feed.contract.ts";

async function make<C>(t: TestContext, definition: Definition<C, Feed>, settings: object): Promise<Feed> {
  const context = { name: NAME, log: silentLog, clock: new ManualClock(), cacheDir: tempDir(t) };
  return definition.create(definition.config.parse(settings), context);
}

/** Documents of a feed folder; the timestamp moves with every change, as MISP's does. */
class FeedFolder {
  readonly files = new Map<string, string>();
  #clock = 1_700_000_000;

  say(events: ReadonlyMap<number, readonly string[]>): void {
    const before = new Map(this.files);
    this.files.clear();
    const manifest: Record<string, object> = {};
    const old = JSON.parse(before.get("manifest.json") ?? "{}") as Record<string, { timestamp: number }>;
    for (const [number, values] of events) {
      const id = uuid(1, number);
      const Attribute = values.map((value, at) => ({
        uuid: uuid(number + 16, at),
        type: "domain",
        category: "Network activity",
        to_ids: true,
        value,
      }));
      const body = (timestamp: number) =>
        JSON.stringify({ Event: { uuid: id, info: `event ${number}`, timestamp: String(timestamp), Attribute } });
      const held = old[id]?.timestamp ?? 0;
      const same = before.get(`${id}.json`) === body(held);
      const timestamp = same ? held : ++this.#clock;
      this.files.set(`${id}.json`, body(timestamp));
      manifest[id] = { info: `event ${number}`, timestamp };
    }
    this.files.set("manifest.json", JSON.stringify(manifest));
  }

  break(): void {
    this.files.set("manifest.json", "<html>maintenance</html>");
  }
}

function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(join(folder, name));
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
}

testFeed("misp-feed, a folder with a manifest", async (t) => {
  const path = tempDir(t);
  const documents = new FeedFolder();
  return {
    feed: await make(t, mispFeed, { path }),
    say(events) {
      documents.say(events);
      writeFolder(path, documents.files);
    },
    breakIt() {
      documents.break();
      writeFolder(path, documents.files);
    },
  };
});

testFeed("misp-feed, a folder of exports", async (t) => {
  const path = tempDir(t);
  const documents = new FeedFolder();
  return {
    feed: await make(t, mispFeed, { path }),
    say(events) {
      documents.say(events);
      documents.files.delete("manifest.json");
      writeFolder(path, documents.files);
    },
    breakIt: () =>
      writeFolder(
        path,
        new Map([
          ["a.json", '{"Event":'],
          ["b.json", "[1]"],
        ]),
      ),
  };
});

testFeed("misp-feed, one export", async (t) => {
  const path = join(tempDir(t), "export.json");
  const documents = new FeedFolder();
  return {
    feed: await make(t, mispFeed, { path }),
    say(events) {
      documents.say(events);
      documents.files.delete("manifest.json");
      writeFileSync(path, JSON.stringify({ response: [...documents.files.values()].map((text) => JSON.parse(text)) }));
    },
    breakIt: () => writeFileSync(path, '{"saved":false}'),
  };
});

testFeed("misp-feed, over TLS", async (t) => {
  const documents = new FeedFolder();
  const url = await serve(
    t,
    ({ path, headers }, response) => {
      const text = documents.files.get(path.slice("/feed/".length));
      if (text === undefined) return json(response, 404, {});
      const tag = `"${createHash("sha256").update(text).digest("hex")}"`;
      if (headers["if-none-match"] === tag) return json(response, 304, "");
      return json(response, 200, text, { etag: tag });
    },
    { tls: true },
  );
  return {
    feed: await make(t, mispFeed, { url: `${url}/feed/`, ca_file: tlsFixture("ca.pem") }),
    say: (events) => documents.say(events),
    breakIt: () => documents.break(),
  };
});

testFeed("misp-server", async (t) => {
  const misp = await FakeMisp.start(t);
  let clock = 1_700_000_000;
  return {
    feed: await make(t, mispServer, { url: misp.url, key: KEY, page_size: 1000, events_per_request: 2 }),
    say(events) {
      for (const id of misp.events.keys()) if (!events.has(Number(id))) misp.events.delete(id);
      for (const [number, values] of events) {
        const attributes = values.map((value, at) => ({ uuid: uuid(number + 16, at), type: "domain", value }));
        const held = misp.events.get(String(number));
        if (JSON.stringify(held?.attributes) === JSON.stringify(attributes)) continue;
        misp.add({ id: String(number), uuid: uuid(1, number), timestamp: ++clock, published: true, attributes });
      }
    },
    breakIt() {
      misp.interfere = (_request, response) => {
        response.writeHead(200, { "content-type": "text/html" });
        response.end("<!DOCTYPE html><title>maintenance</title>");
        return true;
      };
    },
  };
});

testFeed("list-file, a file", async (t) => {
  const path = join(tempDir(t), "list.txt");
  return {
    feed: await make(t, listFile, { path }),
    say: (events) => writeFileSync(path, `# a list\n\n${[...events.values()].flat().join("\r\n")}\n`),
    breakIt: () => writeFileSync(path, "<!DOCTYPE html><html>503</html>"),
  };
});

testFeed("list-file, CSV over HTTP", async (t) => {
  let text = "";
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "text/csv" });
    response.end(text);
  });
  return {
    feed: await make(t, listFile, { url: `${url}/list.csv`, delimiter: ",", header: true, value_column: "indicator" }),
    say(events) {
      text = `date,indicator,note\n${[...events.values()]
        .flat()
        .map((value) => `2026-11-20,"${value}","a, b"`)
        .join("\n")}`;
    },
    breakIt() {
      text = "date,value\n1,2\n";
    },
  };
});

testFeed("list-file, free text over HTTP, told apart by its date", async (t) => {
  let text = "";
  let changed = Date.UTC(2026, 10, 20);
  const url = await serve(t, ({ headers }, response) => {
    const modified = new Date(changed).toUTCString();
    const known = headers["if-modified-since"] === modified;
    response.writeHead(known ? 304 : 200, { "last-modified": modified });
    response.end(known ? undefined : text);
  });
  const publish = (next: string) => {
    if (next !== text) changed += 1000;
    text = next;
  };
  return {
    feed: await make(t, listFile, { url: `${url}/feed.php`, format: "freetext", value_type: "domain" }),
    say: (events) =>
      publish(
        `<pre>\nLast names of 2026-11-20, from 198.51.100.7:\n${[...events.values()].flat().join("<br>\n")}\n</pre>`,
      ),
    breakIt: () => publish("Our list has moved. See https://lists.example.org/"),
  };
});

testFeed("list-file, a zip archive", async (t) => {
  const path = join(tempDir(t), "export.zip");
  return {
    feed: await make(t, listFile, { path, format: "csv", value_column: [2, 3], exclude: "/^-$/" }),
    say: (events) => {
      const rows = [...events.values()]
        .flat()
        .map((value, at) => (at % 2 === 0 ? `"x", "${value}", "-"` : `x,-,${value}`));
      const content = `# first, second\nid,name,other name\n${rows.join("\n")}\n`;
      writeFileSync(path, zipOf([{ name: "a/b/full.csv", content }]));
    },
    breakIt: () => writeFileSync(path, zipOf([{ name: "full.csv", content: "", encrypted: true }])),
  };
});

testFeed("misp-feed, one packed export over HTTP", async (t) => {
  const documents = new FeedFolder();
  let body: Buffer = Buffer.alloc(0);
  const url = await serve(t, ({ headers }, response) => {
    const tag = `"${createHash("sha256").update(body).digest("hex")}"`;
    const known = headers["if-none-match"] === tag;
    response.writeHead(known ? 304 : 200, { etag: tag });
    response.end(known ? undefined : body);
  });
  return {
    feed: await make(t, mispFeed, { url: `${url}/export.json.gz` }),
    say(events) {
      documents.say(events);
      documents.files.delete("manifest.json");
      body = gzipSync(JSON.stringify([...documents.files.values()].map((text) => JSON.parse(text))));
    },
    breakIt() {
      body = body.subarray(0, body.length / 2);
    },
  };
});
