import { userInfo } from "node:os";
import type { Command } from "commander";
import { allowJson, changeAllow, readAllow } from "../app/allow.ts";
import { requireConfig } from "../app/paths.ts";
import { loadConfig } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { type JsonObject, text } from "../model/json.ts";
import { EXIT, print, printJson, safe, table } from "./output.ts";

interface Flags {
  readonly config?: string;
  readonly reason?: string;
  readonly type?: string;
  readonly entity?: string;
  readonly expires?: string;
  readonly list?: boolean;
  readonly remove?: boolean;
  readonly json?: boolean;
}

export function addAllow(program: Command): void {
  program
    .command("allow")
    .description("Suppress a value: matches on it are kept as known benign, with your reason. In force at once.")
    .argument("[value]", "address, name (covers its subdomains, but not URLs or addresses at them), URL, hash or path")
    .option("-c, --config <file>", "configuration")
    .option("-r, --reason <text>", "why; colleagues will read it in explain and in findings")
    .option("--type <type>", "type of the value where it is not plain")
    .option("--entity <entity>", "only on this entity: an agent id, or a key such as ip:10.0.0.5")
    .option("--expires <when>", "a duration (7d) or a date (2026-12-31)")
    .option("--list", "list what is allowed")
    .option("--remove", "take back every entry for the value")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
Examples:
  tipline allow updates.vendor.example --reason "our patch server, ticket 4711"
  tipline allow 198.18.7.7 --reason "pentest" --entity 003 --expires 7d
  tipline allow --list`,
    )
    .action(async (value: string | undefined, flags: Flags) => {
      const { state_dir: stateDir } = await loadConfig(requireConfig(flags.config));
      if (flags.list) return list(stateDir, flags);
      if (value === undefined) throw new TiplineError("TIP_USAGE_INVALID", "expected a VALUE, or --list");
      if (flags.remove && flags.entity !== undefined)
        throw new TiplineError(
          "TIP_USAGE_INVALID",
          "--remove takes back every entry for the value: leave --entity out",
        );
      const given = { value, reason: flags.reason, type: flags.type, entity: flags.entity, expires: flags.expires };
      const request: JsonObject = {
        ...(Object.fromEntries(Object.entries(given).filter(([, found]) => found !== undefined)) as Record<
          string,
          string
        >),
        action: flags.remove ? "remove" : "allow",
        by: process.env["SUDO_USER"] || userInfo().username,
      };
      const answer = (await changeAllow(stateDir, request, Date.now())) as JsonObject;
      if (flags.json) return printJson(answer);
      if (!flags.remove) return print(`allowed: ${text(answer, "type")} ${safe(text(answer, "value") ?? "")}`);
      if (answer["removed"] === 0) process.exitCode = EXIT.failed;
      return print(
        answer["removed"] === 0 ? "nothing was allowed under that value" : `taken back: ${answer["removed"]} entries`,
      );
    });
}

async function list(stateDir: string, { json }: Flags): Promise<void> {
  const entries = readAllow(stateDir);
  if (json) for (const entry of entries) await printJson(allowJson(entry));
  else if (entries.length === 0) await print("nothing is allowed");
  else {
    const day = (time: number) => new Date(time).toISOString().slice(0, 10);
    await print(
      table(
        entries.map((entry) => [
          entry.type,
          safe(entry.value, 80),
          entry.entity ?? "everywhere",
          entry.expires === undefined
            ? "for good"
            : `${entry.expires < Date.now() ? "expired" : "until"} ${day(entry.expires)}`,
          `${safe(entry.reason)} (${safe(entry.by)}, ${day(entry.createdAt)})`,
        ]),
      ),
    );
  }
}
