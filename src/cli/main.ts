#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { packageRoot } from "../lib/package-root.ts";
import { addAllow } from "./allow.ts";
import { addConfig } from "./config.ts";
import { addDeadLetter } from "./dead-letter.ts";
import { addDemo } from "./demo.ts";
import { addDoctor } from "./doctor.ts";
import { addEnrich } from "./enrich.ts";
import { addExplain } from "./explain.ts";
import { addFeeds } from "./feeds.ts";
import { addIndex } from "./index-command.ts";
import { addLookup } from "./lookup.ts";
import { EXIT, report, safeLines } from "./output.ts";
import { addRun } from "./run.ts";
import { addSighting } from "./sighting.ts";
import { addSync } from "./sync.ts";

const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };

const program = new Command("tipline")
  .description("Matches every Wazuh alert against a local index of MISP's indicators, and loses none.")
  .version(version)
  .configureOutput({ outputError: (text, write) => write(`${safeLines(text.trimEnd())}\n`) })
  .showHelpAfterError("(add --help for usage)")
  .exitOverride();
for (const add of [
  addDemo,
  addRun,
  addEnrich,
  addLookup,
  addExplain,
  addSync,
  addFeeds,
  addAllow,
  addSighting,
  addDoctor,
  addDeadLetter,
  addIndex,
  addConfig,
])
  add(program);

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader of our pipe left (`| head`): that is not a failure.
  if (error.code === "EPIPE") process.exit(EXIT.ok);
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
      : report(error);
}
