import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { checkConfig } from "../app/config-check.ts";
import { requireConfig } from "../app/paths.ts";
import { withLine } from "../config/key-lines.ts";
import { configJsonSchema, loadConfig } from "../config/load.ts";
import { packageRoot } from "../lib/package-root.ts";
import { print, printJson } from "./output.ts";

export function addConfig(program: Command): void {
  const config = program.command("config").description("Check, describe and start a configuration.");
  config
    .command("check")
    .description("Read a configuration as `run` would and say what is wrong, with line numbers.")
    .argument("[file]", "configuration file")
    .option("--json", "print {ok, file, sources, feeds, sinks}")
    .addHelpText("after", "\nExample:\n  tipline config check /etc/tipline/tipline.yaml")
    .action(async (file: string | undefined, { json }: { json?: boolean }) => {
      const path = requireConfig(file);
      const loaded = await loadConfig(path);
      try {
        checkConfig(loaded);
      } catch (thrown) {
        throw withLine(thrown, loaded.keys);
      }
      const names = (list: readonly { name: string; definition: { type: string } }[]) =>
        Object.fromEntries(list.map(({ name, definition }) => [name, definition.type]));
      const summary = {
        ok: true,
        file: path,
        sources: names(loaded.sources),
        feeds: names(loaded.feeds),
        sinks: names(loaded.sinks),
      };
      if (json) return printJson(summary);
      const show = (kind: Record<string, string>) =>
        Object.entries(kind)
          .map(([name, type]) => (name === type ? name : `${name} (${type})`))
          .join(", ") || "none";
      return print(
        `${path}: ok\n  sources: ${show(summary.sources)}\n  feeds:   ${show(summary.feeds)}\n  sinks:   ${show(summary.sinks)}`,
      );
    });
  config
    .command("schema")
    .description("Print the JSON Schema of the configuration, for editors.")
    .action(async () => print(JSON.stringify(await configJsonSchema(), null, 2)));
  config
    .command("example")
    .description("Print an example configuration.")
    .option("--full", "every option, commented")
    .addHelpText("after", "\nExample:\n  tipline config example > tipline.yaml")
    .action(async ({ full }: { full?: boolean }) =>
      print(readFileSync(join(packageRoot(), "examples", full ? "full.yaml" : "minimal.yaml"), "utf8")),
    );
}
