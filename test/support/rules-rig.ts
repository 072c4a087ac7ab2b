import { mkdirSync } from "node:fs";
import { encodeDatagram } from "../../src/clients/wazuh-queue.ts";
import type { Agent } from "../../src/model/alert.ts";
import type { MispBlock } from "../../src/model/finding.ts";
import { type RuleOptions, renderRules } from "../../src/setup/wazuh/rules.ts";
import { makeFinding } from "./finding.ts";
import { Engine } from "./wazuh-sim/engine.ts";
import { layOut } from "./wazuh-sim/installation.ts";
import { groupsOf } from "./wazuh-sim/rule.ts";

/** What an event fired: the rule as the alert shows it, or undefined when nothing is alerted. */
export interface Fired {
  readonly id: number;
  readonly level: number;
  readonly groups: readonly string[];
  readonly description: string;
  readonly mail: boolean;
}

export interface RulesRig {
  readonly engine: Engine;
  /** A raw datagram, some seconds after the one before. */
  fire(datagram: Buffer | string, afterSeconds?: number): Fired | undefined;
  /** A finding's event as Tipline sends it. */
  match(misp: Partial<MispBlock>, agent?: Agent, afterSeconds?: number): Fired | undefined;
}

const WEB: Agent = { id: "001", name: "web-01", ip: "10.0.0.5" };

/** An engine with the stock-shaped rules and our rules file in a fresh installation; further files of etc/rules by name. */
export function rulesRig(
  prefix: string,
  options: RuleOptions = {},
  more: Readonly<Record<string, string>> = {},
  ours = true,
): RulesRig {
  const user = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  mkdirSync(prefix, { recursive: true });
  layOut(prefix, {
    version: "4.14.7",
    user,
    logLevel: options.logAlertLevel,
    rules: { ...(ours ? { "tipline_rules.xml": renderRules(options) } : {}), ...more },
  });
  const engine = new Engine({ prefix, user, manager: "wazuh" });
  let time = Date.parse("2026-11-21T21:45:50Z");
  const fire = (datagram: Buffer | string, afterSeconds = 1): Fired | undefined => {
    time += afterSeconds * 1000;
    const judged = engine.judge(Buffer.from(datagram), time);
    const verdict = judged?.verdict;
    if (judged === undefined || verdict === undefined || !verdict.written) return undefined;
    const alert = engine.document(judged, time, 0) as { rule: { description: string } };
    const { rule, mail } = verdict;
    return { id: rule.id, level: rule.level, groups: groupsOf(rule), description: alert.rule.description, mail };
  };
  const match: RulesRig["match"] = (misp, agent = WEB, afterSeconds) =>
    fire(encodeDatagram(makeFinding(1, { misp }).misp, agent) ?? "", afterSeconds);
  return { engine, fire, match };
}
