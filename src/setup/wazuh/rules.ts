import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../../lib/errors.ts";
import { packageRoot } from "../../lib/package-root.ts";

/** Name of the rules file in `etc/rules`. Files there are read in the order of their names. */
export const RULES_FILE = "tipline_rules.xml";
/** First id of the children. 100620 to 100622 are the community's and never move. */
export const DEFAULT_BLOCK = 100_623;
/** How many ids a block has, those of the visibility rules included. */
export const BLOCK_SIZE = 77;

export interface RuleOptions {
  /** First id of the children; default 100623. Wazuh keeps 100000 to 120000 for rules of one's own. */
  readonly block?: number | undefined;
  /** The manager's `log_alert_level`; below it no alert is written. Default 3. */
  readonly logAlertLevel?: number | undefined;
  /** Findings come in by the server API (`POST /events`), too: then their location is `API-Webhook`. Default false. */
  readonly api?: boolean | undefined;
}

/** Place of each rule in the block. Filters in the field hold these ids: they are never moved or used again. */
const OFFSETS = {
  knownBenign: 0,
  retro: 1,
  critical: 2,
  sameEvent: 3,
  spread: 4,
  canary: 5,
  canaryProbe: 6,
  canaryRoot: 7,
  deliveryTrouble: 8,
  syncTrouble: 9,
  sourceTrouble: 10,
  malformed: 11,
  quiet: 12,
  quietRoot: 13,
  spreadCounted: 14,
  troubleOver: 15,
} as const;

export type RuleName = "parent" | "error" | "match" | keyof typeof OFFSETS;

/** Ids by what the rules are for. Throws TIP_CONFIG_INVALID for a block that Wazuh would not take or that is taken. */
export function ruleIds(block: number = DEFAULT_BLOCK): Readonly<Record<RuleName, number>> {
  checkBlock(block);
  const moved = Object.fromEntries(Object.entries(OFFSETS).map(([name, offset]) => [name, block + offset]));
  return { parent: 100_620, error: 100_621, match: 100_622, ...(moved as Record<keyof typeof OFFSETS, number>) };
}

/** Six digits are the most that Wazuh takes. */
export function checkBlock(block: number): void {
  const last = block + BLOCK_SIZE - 1;
  if (!Number.isInteger(block) || block < 100_000 || last > 999_999)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `rule id block: expected a number from 100000 to ${1_000_000 - BLOCK_SIZE}, found ${block}`,
    );
  if (block <= 100_622 && last >= 100_620)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `rule id block: ${block} to ${last} covers 100620 to 100622, which stay as they are; choose 100623 or higher`,
    );
}

/** The rules file for this manager. */
export function renderRules(options: RuleOptions = {}): string {
  const text = readAsset("rules", RULES_FILE);
  return options.api ? withApiLocation(moveRules(text, options)) : moveRules(text, options);
}

/** A rules file of ours with its ids moved to the block and its levels raised to what the manager writes at all. */
export function moveRules(text: string, { block = DEFAULT_BLOCK, logAlertLevel = 3 }: RuleOptions): string {
  checkBlock(block);
  if (!Number.isInteger(logAlertLevel) || logAlertLevel < 1 || logAlertLevel > 16)
    throw new TiplineError("TIP_CONFIG_INVALID", `log_alert_level: expected 1 to 16, found ${logAlertLevel}`);
  return text
    .replace(/\b100[67][0-9]{2}\b/g, (id) => String(isMoved(Number(id)) ? Number(id) - DEFAULT_BLOCK + block : id))
    .replace(/(<rule id="[0-9]+" level=")([0-9]+)/g, (_, head: string, level: string) =>
      // Whoever is raised keeps its rank: siblings stand in falling order of level.
      level === "0" ? `${head}0` : `${head}${Math.max(Number(level), logAlertLevel)}`,
    );
}

const isMoved = (id: number): boolean => id >= DEFAULT_BLOCK && id < DEFAULT_BLOCK + BLOCK_SIZE;

/**
 * `POST /events` gives every event the location `API-Webhook`: whoever may use that endpoint can then send what looks like a
 * finding, so it is not accepted unless findings do come that way.
 */
function withApiLocation(text: string): string {
  return text
    .replaceAll("^(?:[^/\\\\]*->)?misp$</location>", "^(?:(?:[^/\\\\]*->)?misp|API-Webhook)$</location>")
    .replaceAll("^tipline-canary$</location>", "^(?:tipline-canary|API-Webhook)$</location>");
}

/** A file of `setup/wazuh`. */
export function readAsset(...path: readonly string[]): string {
  return readFileSync(join(packageRoot(), "setup", "wazuh", ...path), "utf8");
}
