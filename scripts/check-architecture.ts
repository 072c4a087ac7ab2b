import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import extractTSConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { packageRoot } from "../src/lib/package-root.ts";

/** Layers of DESIGN: a folder imports only lower numbers and itself; `registry.gen.ts` sits between setup and config. */
const LAYERS: Readonly<Record<string, number>> = {
  lib: 0,
  model: 1,
  contract: 2,
  intel: 2,
  clients: 2,
  store: 3,
  sources: 4,
  extractors: 4,
  feeds: 4,
  sinks: 4,
  pipeline: 5,
  stages: 5,
  setup: 5,
  "registry.gen.ts": 5.5,
  config: 6,
  app: 7,
  console: 8,
  cli: 9,
};
const COMPONENT_FOLDERS = new Set(["sources", "extractors", "feeds", "sinks"]);
const MAX_LINES = 400;

const root = packageRoot();
process.chdir(root);
const faults: string[] = [];

function folderOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function checkImport(from: string, to: string): void {
  if (!to.startsWith("src/")) return;
  const [fromFolder, toFolder] = [folderOf(from), folderOf(to)];
  const [fromLayer, toLayer] = [LAYERS[fromFolder], LAYERS[toFolder]];
  if (fromLayer === undefined) faults.push(`${from}: folder src/${fromFolder} has no layer`);
  else if (toLayer === undefined) faults.push(`${to}: folder src/${toFolder} has no layer`);
  else if (fromFolder === toFolder) {
    if (COMPONENT_FOLDERS.has(fromFolder)) faults.push(`${from} imports its sibling ${to}`);
  } else if (toLayer >= fromLayer) faults.push(`${from} (layer ${fromLayer}) imports ${to} (layer ${toLayer})`);
}

const result = await cruise(
  ["src"],
  {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    ruleSet: { forbidden: [{ name: "no-circular", severity: "error", from: {}, to: { circular: true } }] },
    validate: true,
  },
  undefined,
  { tsConfig: extractTSConfig(join(root, "tsconfig.json")) },
);
const { modules } = result.output as ICruiseResult;
const own = modules.filter((module) => module.source.startsWith("src/"));
// With a TypeScript it cannot drive, the cruiser sees nothing and is green: an empty result is a failure.
if (own.length < 40) faults.push(`only ${own.length} modules were seen; the analysis itself is broken`);
for (const module of own) {
  for (const dependency of module.dependencies) {
    checkImport(module.source, dependency.resolved);
    if (dependency.circular) faults.push(`${module.source} -> ${dependency.resolved}: cycle`);
  }
  const lines = readFileSync(module.source, "utf8").split("\n").length - 1;
  if (lines > MAX_LINES) faults.push(`${module.source}: ${lines} lines, at most ${MAX_LINES}`);
  if (dirname(module.source) !== "src" && basename(module.source) !== basename(module.source).toLowerCase())
    faults.push(`${module.source}: file names are kebab-case`);
}
if (faults.length > 0) {
  process.stderr.write(`${[...new Set(faults)].join("\n")}\n`);
  process.exit(1);
}
process.stdout.write(`architecture: ${own.length} modules, no fault\n`);
