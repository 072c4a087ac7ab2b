import type { Command } from "commander";
import { outboxDir } from "../app/components.ts";
import { requireConfig, stateHas } from "../app/paths.ts";
import { loadConfig } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { get } from "../model/json.ts";
import { callControl } from "../store/control.ts";
import { enableOutbox, type OutboxReader, readOutbox } from "../store/outbox-reader.ts";
import type { OutboxMessage } from "../store/outbox-tables.ts";
import { lockState } from "../store/state-lock.ts";
import { wholeNumber } from "./common.ts";
import { note, print, printJson, safe, table } from "./output.ts";

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

export function addNotices(program: Command): void {
  const command = program
    .command("notices")
    .description("Messages to chats and webhooks: what waits, what was in a digest, and a receiver to enable again.");
  command
    .command("list")
    .description("Newest first: what gathers or waits, then what is done.")
    .argument("[sink]", "only of this sink")
    .option("-c, --config <file>", "configuration")
    .option("--limit <n>", "how many of a sink at most", "50")
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample:\n  tipline notices list chat")
    .action(async (sink: string | undefined, flags: Flags & { readonly limit: string }) =>
      list(sink, wholeNumber("--limit", flags.limit, 1, 100_000), flags),
    );
  command
    .command("show")
    .description("Ids of all findings of one notice or digest, one a line.")
    .argument("<id>", "id of a notice or digest, as messages and `list` name it")
    .option("-c, --config <file>", "configuration")
    .option("--json", "as one JSON line")
    .addHelpText("after", "\nExample:\n  tipline notices show dmf3k2x0a1b2c3d4e5f6")
    .action(show);
  command
    .command("enable")
    .description("Send again to a receiver that answered 410 Gone; to any other, what waits is tried at once.")
    .argument("<sink>")
    .option("-c, --config <file>", "configuration")
    .option("--json", "print {enabled}")
    .addHelpText("after", "\nExample:\n  tipline notices enable chat")
    .action(enable);
}

async function list(sink: string | undefined, limit: number, flags: Flags): Promise<void> {
  const rows: string[][] = [];
  await eachOutbox(flags, sink, async (name, reader) => {
    for (const message of reader.list(limit)) {
      if (flags.json) await printJson({ sink: name, ...message });
      else rows.push(row(name, message));
    }
    const disabled = reader.disabled();
    if (disabled !== undefined)
      note(`${name} is disabled since ${new Date(disabled.since).toISOString()}: ${safe(disabled.reason, 200)}`);
  });
  if (rows.length > 0) await print(table(rows));
  else if (!flags.json) note("no notices");
}

function row(sink: string, { id, kind, state, createdAt, count, attempts, lastError }: OutboxMessage): string[] {
  const tries = attempts === 0 ? "" : `${attempts} failed: ${safe(lastError ?? "", 120)}`;
  const words = state === "given_up" ? "given up" : state;
  return [safe(sink), id, new Date(createdAt).toISOString().slice(0, 19), kind, words, `${count} findings`, tries];
}

async function show(id: string, flags: Flags): Promise<void> {
  let found = false;
  await eachOutbox(flags, undefined, async (sink, reader) => {
    const shown = found ? undefined : reader.show(id);
    if (shown === undefined) return;
    found = true;
    if (flags.json) await printJson({ sink, ...shown.message, finding_ids: shown.ids });
    else await print(shown.ids.map((one) => safe(one, 200)).join("\n"));
  });
  if (!found)
    throw new TiplineError("TIP_INPUT_INVALID", `no notice ${safe(id, 60)} (any more); see \`tipline notices list\``);
}

async function enable(sink: string, flags: Flags): Promise<void> {
  const { state_dir: stateDir } = await configOf(flags, sink);
  const answer = await callControl(stateDir, "enable", { sink }, { timeoutMs: 10_000 });
  const enabled = answer === undefined ? await enableHere(stateDir, sink) : get(answer, "enabled") === true;
  if (flags.json) await printJson({ enabled });
  else note(`${sink} ${enabled ? "is enabled" : "was not disabled"}; what waits is tried now`);
}

/** Without a running line. */
async function enableHere(stateDir: string, sink: string): Promise<boolean> {
  const dir = outboxDir(stateDir, sink);
  if (!stateHas(dir)) return false;
  const lock = lockState(stateDir);
  try {
    return await enableOutbox(dir, Date.now());
  } finally {
    lock.release();
  }
}

/** The configuration, which must have the sink that is named, if one is. */
async function configOf({ config }: Flags, sink: string | undefined) {
  const loaded = await loadConfig(requireConfig(config));
  if (sink !== undefined && !loaded.sinks.some(({ name }) => name === sink))
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected a sink of the configuration (${loaded.sinks.map(({ name }) => name).join(", ")}), got ${safe(sink, 60)}`,
    );
  return loaded;
}

async function eachOutbox(
  flags: Flags,
  sink: string | undefined,
  use: (name: string, reader: OutboxReader) => Promise<void>,
): Promise<void> {
  const { state_dir: stateDir, sinks } = await configOf(flags, sink);
  for (const { name } of sinks) {
    const dir = outboxDir(stateDir, name);
    if ((sink !== undefined && name !== sink) || !stateHas(dir)) continue;
    const reader = readOutbox(dir);
    try {
      await use(name, reader);
    } finally {
      await reader.close();
    }
  }
}
