import type { Command } from "commander";
import { TiplineError } from "../lib/errors.ts";
import { DEFAULT_OPTIONS, type PackOptions, withoutUndefined } from "../setup/graylog/options.ts";
import { wholeNumber } from "./common.ts";
import { safe } from "./output.ts";

/** Flags that say what the pack is made for. */
export interface OptionFlags {
  readonly tiplineUrl?: string;
  readonly inputs?: string;
  readonly bind?: string;
  readonly gelfPort?: string;
  readonly rawPort?: string;
  readonly inputCert?: string;
  readonly inputKey?: string;
  readonly inputClientCa?: string;
  /** False: TLS is taken away again. */
  readonly inputTls?: boolean;
  readonly minScore?: string;
  readonly hosts?: string;
  readonly silentAfter?: string;
}

/** None has a default here: what is not given stays as it was installed. */
export function packOptions(command: Command): Command {
  const usual = DEFAULT_OPTIONS;
  return command
    .option("--tipline-url <url>", `where Graylog reaches Tipline (default: ${usual.tiplineUrl})`)
    .option("--inputs <list>", "gelf, raw, gelf,raw or none (default: gelf,raw)")
    .option("--bind <address>", `address of the inputs (default: ${usual.bindAddress})`)
    .option("--gelf-port <port>", `port of the GELF input (default: ${usual.gelfPort})`)
    .option("--raw-port <port>", `port of the input for Wazuh's lines (default: ${usual.rawPort})`)
    .option("--input-cert <file>", "TLS for the inputs: certificate, on Graylog's host")
    .option("--input-key <file>", "its key, on Graylog's host")
    .option("--input-client-ca <file>", "authority of the certificates that senders must have, on Graylog's host")
    .option("--no-input-tls", "no TLS for the inputs any more")
    .option("--min-score <score>", `an event for matches with this score or more (default: ${usual.minScore})`)
    .option("--hosts <count>", `an event for an indicator on so many hosts (default: ${usual.hosts})`)
    .option(
      "--silent-after <time>",
      `an event when nothing came for so long: 30m, 24h, 7d (default: ${usual.silentAfter})`,
    );
}

/** What the flags say; what they do not say is not in it. */
export function optionsOf(flags: OptionFlags): Partial<PackOptions> {
  const { bind, silentAfter } = flags;
  if (bind !== undefined && !/^[0-9A-Fa-f.:]{2,45}$/.test(bind))
    throw new TiplineError("TIP_USAGE_INVALID", `--bind: expected an IP address, got "${safe(bind, 60)}"`);
  if (silentAfter !== undefined && !/^[1-9]\d{0,3}[mhd]$/.test(silentAfter))
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `--silent-after: expected a time such as 30m or 24h, got "${safe(silentAfter, 40)}"`,
    );
  return withoutUndefined({
    inputs: flags.inputs === undefined ? undefined : inputsOf(flags.inputs),
    inputTls: inputTls(flags),
    bindAddress: bind,
    gelfPort: number("--gelf-port", flags.gelfPort, 1, 65_535),
    rawPort: number("--raw-port", flags.rawPort, 1, 65_535),
    tiplineUrl: flags.tiplineUrl === undefined ? undefined : checkedUrl("--tipline-url", flags.tiplineUrl),
    minScore: number("--min-score", flags.minScore, 0, 100),
    hosts: number("--hosts", flags.hosts, 2, 1_000_000),
    silentAfter,
    ...(flags.inputTls === false && { noTls: true }),
  });
}

/** What was installed, and over it what is said now. */
export function completed(before: Partial<PackOptions>, given: Partial<PackOptions>): PackOptions {
  const { noTls, ...options } = { ...DEFAULT_OPTIONS, ...before, ...given } as PackOptions & { readonly noTls?: true };
  if (options.inputs.length === 2 && options.gelfPort === options.rawPort)
    throw new TiplineError("TIP_USAGE_INVALID", "--gelf-port and --raw-port: expected two ports, got one twice");
  if (!noTls) return options;
  const { inputTls: _, ...plain } = options;
  return plain;
}

/** An address as it may stand in Graylog's list of allowed ones. */
export function checkedUrl(flag: string, text: string): string {
  const url = URL.canParse(text) && !/[\s"'\\${}]/.test(text) ? new URL(text) : undefined;
  const plain = url !== undefined && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (plain && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, "");
  throw new TiplineError("TIP_USAGE_INVALID", `${flag}: expected an http(s) address without user, password and query`);
}

function number(flag: string, given: string | undefined, least: number, most: number): number | undefined {
  return given === undefined ? undefined : wholeNumber(flag, given, least, most);
}

function inputsOf(given: string): readonly ("gelf" | "raw")[] {
  const chosen = given === "none" ? [] : given.split(",").map((name) => name.trim());
  const known = (["gelf", "raw"] as const).filter((name) => chosen.includes(name));
  if (known.length === chosen.length) return known;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `--inputs: expected gelf, raw, gelf,raw or none, got "${safe(given, 40)}"`,
  );
}

function inputTls({ inputCert, inputKey, inputClientCa }: OptionFlags): PackOptions["inputTls"] {
  if (inputCert === undefined && inputKey === undefined && inputClientCa === undefined) return undefined;
  if (inputCert !== undefined && inputKey !== undefined)
    return {
      certFile: inputCert,
      keyFile: inputKey,
      ...(inputClientCa !== undefined && { clientCaFile: inputClientCa }),
    };
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    "--input-cert and --input-key: expected both, as Graylog's host has them",
  );
}
