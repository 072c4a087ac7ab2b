/**
 * Makes lists/default-feeds.json from the table that MISP ships (app/files/feed-metadata/defaults.json of a checkout) and what
 * default-feeds.ts knows beside it: `node .build/scripts/make-default-feeds.js …/defaults.json && npm run format`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DefaultFeed } from "../src/app/feed-catalog.ts";
import { packageRoot } from "../src/lib/package-root.ts";
import { KNOWN } from "./default-feeds.ts";

interface MispDefault {
  readonly Feed: {
    readonly name: string;
    readonly provider: string;
    readonly url: string;
    readonly source_format: DefaultFeed["format"];
    /** JSON, in some entries packed twice. */
    readonly settings?: string;
  };
  readonly Tag?: { readonly name: string };
}

interface MispSettings {
  readonly csv?: { readonly value?: string; readonly delimiter?: string };
  readonly common?: { readonly excluderegex?: string };
}

function settingsOf(text: string | undefined): MispSettings {
  let value: unknown = text || "{}";
  for (let packed = 0; packed < 2 && typeof value === "string"; packed++) value = JSON.parse(value);
  return value as MispSettings;
}

function compact({ Feed, Tag }: MispDefault): DefaultFeed {
  const known = KNOWN[Feed.url];
  if (known === undefined) throw new Error(`scripts/default-feeds.ts knows nothing of ${Feed.url} (${Feed.name})`);
  const { csv, common } = settingsOf(Feed.settings);
  const columns = (csv?.value ?? "").split(",").filter((word) => word.trim() !== "");
  const isCsv = Feed.source_format === "csv";
  return {
    slug: known.slug,
    name: Feed.name,
    provider: Feed.provider,
    url: Feed.url,
    format: Feed.source_format,
    ...(isCsv && columns.length > 0 ? { value_columns: columns.map(Number) } : {}),
    ...(isCsv && csv?.delimiter && csv.delimiter !== "," ? { delimiter: csv.delimiter } : {}),
    ...(common?.excluderegex ? { exclude: common.excluderegex } : {}),
    ...(Tag === undefined ? {} : { tag: Tag.name }),
    ...(known.settings === undefined ? {} : { settings: known.settings }),
    ...(known.note === undefined ? {} : { note: known.note }),
    ...(known.left_out === undefined ? {} : { left_out: known.left_out }),
  };
}

const [path] = process.argv.slice(2);
if (path === undefined)
  throw new Error("usage: make-default-feeds.js PATH-TO-MISP/app/files/feed-metadata/defaults.json");
const feeds = (JSON.parse(readFileSync(path, "utf8")) as readonly MispDefault[]).map(compact);
const table = {
  description:
    "Default feeds of MISP (facts from its feed-metadata/defaults.json), made by scripts/make-default-feeds.ts",
  feeds: feeds.sort((a, b) => a.slug.localeCompare(b.slug, "en")),
};
writeFileSync(join(packageRoot(), "lists", "default-feeds.json"), `${JSON.stringify(table, null, 2)}\n`);
