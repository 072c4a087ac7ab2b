#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { TiplineError } from "../lib/errors.ts";
import { packageRoot } from "../lib/package-root.ts";
import { EXIT, report, safeLines } from "./output.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("tipline")
  .description("Matches every Wazuh alert against a local index of MISP's indicators, and loses none.")
  .version(version)
  .configureOutput({ outputError: (text, write) => write(`${safeLines(text.trimEnd())}\n`) })
  .showHelpAfterError("(add --help for usage)")
  .exitOverride();
/** In the order of the help. Loading all of them would take longer than many a command does. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  demo: async () => (await import("./demo.ts")).addDemo,
  run: async () => {
    (await import("./rare-collections.ts")).collectRarely();
    return (await import("./run.ts")).addRun;
  },
  enrich: async () => (await import("./enrich.ts")).addEnrich,
  lookup: async () => (await import("./lookup.ts")).addLookup,
  explain: async () => (await import("./explain.ts")).addExplain,
  sync: async () => {
    (await import("./small-heap.ts")).keepHeapSmall();
    return (await import("./sync.ts")).addSync;
  },
  feeds: async () => (await import("./feeds.ts")).addFeeds,
  hunt: async () => (await import("./hunt.ts")).addHunt,
  allow: async () => (await import("./allow.ts")).addAllow,
  sighting: async () => (await import("./sighting.ts")).addSighting,
  simulate: async () => (await import("./simulate.ts")).addSimulate,
  doctor: async () => (await import("./doctor.ts")).addDoctor,
  "dead-letter": async () => (await import("./dead-letter.ts")).addDeadLetter,
  notices: async () => (await import("./notices.ts")).addNotices,
  index: async () => (await import("./index-command.ts")).addIndex,
  config: async () => (await import("./config.ts")).addConfig,
  install: async () => (await import("./install.ts")).addInstall,
  uninstall: async () => (await import("./uninstall.ts")).addUninstall,
};

const [asked = "", ...words] = process.argv.slice(2);
const READER_LEFT = "whoever read the output went away; run it again to see what is left to do";
/** Its exit code has to say whether it was done, even to nobody who reads along. */
const mustDo =
  ["install", "uninstall"].includes(asked) &&
  words.some((word) => word === "-y" || word === "--yes") &&
  !words.includes("--dry-run");
const isVersion = asked === "--version" || asked === "-V";
const wanted = Object.hasOwn(COMMANDS, asked) ? [asked] : isVersion ? [] : Object.keys(COMMANDS);
for (const name of wanted) (await COMMANDS[name]?.())?.(program);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader of our pipe left (`| head`): that is not a failure.
  if (error.code === "EPIPE" && !mustDo) process.exit(EXIT.ok);
});
try {
  await program.parseAsync();
} catch (error) {
  const code = (error as { code?: unknown }).code;
  process.exitCode =
    typeof code === "string" && code.startsWith("commander.")
      ? (error as { exitCode: number }).exitCode === 0
        ? EXIT.ok
        : EXIT.usage
      : report(code === "EPIPE" && mustDo ? new TiplineError("TIP_SINK_FAILED", READER_LEFT) : error);
}
