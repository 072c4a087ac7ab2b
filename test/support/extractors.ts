import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Extractor } from "../../src/contract/extractor.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import { createExtraction, type Extract } from "../../src/pipeline/extract.ts";

/** File name and component of every extractor of the source tree, in the order of the registry (by name). */
export async function allExtractors(): Promise<
  ReadonlyArray<{ readonly file: string; readonly extractor: Extractor }>
> {
  const compiled = import.meta.url.endsWith(".js");
  const folder = compiled
    ? new URL("../../src/extractors/", import.meta.url)
    : pathToFileURL(join(packageRoot(), "src/extractors/"));
  const files = readdirSync(folder).filter((name) => /\.(?:ts|js)$/.test(name) && !name.endsWith(".d.ts"));
  return Promise.all(
    files.sort().map(async (file) => {
      const module: { default: Extractor } = await import(new URL(file, `${folder.href.replace(/\/?$/, "/")}`).href);
      return { file, extractor: module.default };
    }),
  );
}

let extraction: Promise<Extract> | undefined;

/** One extraction by all extractors, compiled once. */
export function extractAll(): Promise<Extract> {
  extraction ??= allExtractors().then((all) => createExtraction(all.map(({ extractor }) => extractor)));
  return extraction;
}
