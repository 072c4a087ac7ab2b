import type { Command } from "commander";
import { GraylogApi } from "../clients/graylog-api.ts";
import { systemClock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import { checkedUrl } from "./graylog-options.ts";
import { note } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

/** Which Graylog, and how it is reached. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

const TIMEOUT_MS = 60_000;

export function connectionOptions(command: Command): Command {
  return command
    .option("--url <url>", "Graylog's address, as the browser has it")
    .option("--token-file <file>", "access token of a Graylog user with the role Admin (else: $TIPLINE_GRAYLOG_TOKEN)")
    .option("--ca-file <file>", "authority of Graylog's certificate, where it is a private one");
}

/** Connects, works, and closes; Ctrl-C stops the work. */
export async function withGraylog(
  flags: ConnectionFlags,
  work: (api: GraylogApi, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const url = checkedUrl("--url", flags.url ?? "");
  const token = secretFrom(flags.tokenFile, fromEnvironment("TIPLINE_GRAYLOG_TOKEN"), "--token-file");
  if (token === undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "expected --token-file, or the token in TIPLINE_GRAYLOG_TOKEN");
  const signal = untilInterrupted(() => note("tipline: interrupted"));
  const api = new GraylogApi({ url, token, caFile: flags.caFile, timeoutMs: TIMEOUT_MS, clock: systemClock });
  try {
    await work(api, signal);
  } finally {
    await api.close();
  }
}

/** A secret from the environment, or undefined. */
export function fromEnvironment(name: string): Secret | undefined {
  const value = process.env[name]?.trim();
  return value === undefined || value === "" ? undefined : new Secret(value);
}
