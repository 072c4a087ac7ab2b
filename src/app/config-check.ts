import type { Config } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { canarySink } from "./canary-line.ts";
import { checkHttp } from "./http-check.ts";
import { ownAssets } from "./policy.ts";

/**
 * What `run` refuses of a configuration that reads well: parts that do not fit together, and values that only the intelligence's
 * own rules can judge. Opens and reads nothing. Throws TIP_CONFIG_INVALID beginning with the key.
 */
export function checkConfig(config: Config): void {
  ownAssets(config.own);
  canarySink(config);
  checkHttp(config);
  checkEchoes(config);
}

/**
 * A sink that waits for echoes nobody reads would dead-letter every finding, and of two that wait for the same ids the echo of one
 * would confirm the other.
 */
function checkEchoes({ sinks, sources }: Config): void {
  const waiting = sinks.filter(confirms).map(({ name }) => name);
  if (waiting.length > 1) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `sinks.${waiting[1]}: expected one sink that confirms findings, found ${waiting.join(" and ")}; set confirm: false on all but one`,
    );
  }
  if (waiting.length === 0 || sources.some(readsEchoes)) return;
  throw new TiplineError(
    "TIP_CONFIG_INVALID",
    `sinks.${waiting[0]}: it confirms findings by reading them back, and no source of type wazuh-alerts reads them; add one, or set confirm: false (or, where the hook's filters let them pass, echoes: true on the wazuh-hook source)`,
  );
}

/** Only sinks into Wazuh have the key. */
function confirms({ settings }: Config["sinks"][number]): boolean {
  return (settings as { readonly confirm?: boolean }).confirm === true;
}

function readsEchoes({ definition, settings }: Config["sources"][number]): boolean {
  if (definition.type === "wazuh-alerts") return true;
  return definition.type === "wazuh-hook" && (settings as { readonly echoes?: boolean }).echoes === true;
}
