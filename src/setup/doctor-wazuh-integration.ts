import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Check, fail, ok, skip, warn } from "./checks.ts";
import { accessOf, shellWord } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import { livesBy } from "./doctor-wazuh-daemons.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { readRules } from "./doctor-wazuh-rule-facts.ts";
import { spoolChecks } from "./doctor-wazuh-spool.ts";
import { HOOK_NAMES, isHookName, isHookScript } from "./wazuh/hook.ts";
import { groupLevels } from "./wazuh/rule-catalog-checks.ts";
import type { XmlNode } from "./wazuh/xml.ts";

/** An `<integration>` of ossec.conf. */
interface Block {
  readonly name: string;
  readonly line: number;
  readonly level: string | undefined;
  readonly ruleIds: string | undefined;
  readonly groups: readonly string[];
  readonly format: string | undefined;
}

/** What integratord ships with; any other name must begin with `custom-`. */
const STOCK = new Set(["slack", "pagerduty", "virustotal", "shuffle", "maltiverse"]);
/** Scripts of the community that ask MISP for each alert. */
const COMMUNITY = /^custom-misp/;
/** A match has this level: a block that takes it takes our own alerts too. */
const MATCH_LEVEL = 12;
const INTEGRATORD = "wazuh-integratord";

/** Blocks of the hook and of the community's scripts: present where needed, runnable, their filters able to fire, no loop. */
export function integrationHop(facts: WazuhFacts, install: string): Hop {
  return { name: "integration", needs: ["ossec.conf"], look: () => integration(facts, install) };
}

function integration(facts: WazuhFacts, install: string): readonly Check[] {
  const name = "integration";
  const reading = facts.conf();
  if (reading.status !== "read") return [skip(name, reading.message)];
  const blocks = reading.conf.all("integration").map(toBlock);
  const checks = blocks.flatMap((block) => blockChecks(facts, block, install));
  const hooks = blocks.filter(({ name: block }) => isHook(facts, block));
  if (facts.subject.hook && hooks.length === 0)
    checks.push(
      fail(
        name,
        "a source of type wazuh-hook is configured, and no <integration> hands alerts to it",
        `${install} --hook`,
      ),
    );
  const [unused] = facts.subject.hook ? [] : hooks;
  if (unused !== undefined)
    checks.push(
      warn(
        name,
        `<integration> ${unused.name.slice(0, 40)} hands alerts to a spool that nobody drains`,
        "in the configuration: sources.hook.type: wazuh-hook, or take that block out of ossec.conf",
      ),
    );
  if (checks.length === 0 && facts.subject.hook) checks.push(...integratord(facts));
  if (checks.length > 0) return checks;
  const names = blocks.map((block) => block.name.slice(0, 40)).join(", ");
  return [ok(name, blocks.length === 0 ? "none, and none is needed: alerts are read from alerts.json" : names)];
}

/** It ends by itself where it found no block at its start, so a block that was put in later is served by nobody. */
function integratord({ paths, subject }: WazuhFacts): readonly Check[] {
  if (livesBy(subject.prefix, INTEGRATORD, subject.isDaemon) !== false) return [];
  return [
    fail(
      "integration",
      `${INTEGRATORD} does not run: no alert is handed to the hook`,
      `${managerCommand(paths, "restart")} (if it does not stay up: tail -50 ${shellWord(paths.ossecLog)})`,
    ),
  ];
}

function toBlock(node: XmlNode): Block {
  const value = (wanted: string) => node.children.findLast(({ name }) => name === wanted)?.text.trim();
  const groups = value("group");
  return {
    name: value("name") ?? "",
    line: node.line,
    level: value("level"),
    ruleIds: value("rule_id"),
    groups:
      groups === undefined
        ? []
        : groups
            .split(",")
            .map((group) => group.trim())
            .filter((group) => group !== ""),
    format: value("alert_format"),
  };
}

/** Tipline's own script, under its own name or whatever other; where its source is configured, the community's name is taken for it. */
function isHook({ subject, paths }: WazuhFacts, block: string): boolean {
  if (block === HOOK_NAMES[0] || (subject.hook && block === HOOK_NAMES[1])) return true;
  return isHookName(block) && isHookScript(scriptText(join(paths.integrations, block)));
}

const MOST_SCRIPT_BYTES = 256 * 1024;

function scriptText(path: string): string {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= MOST_SCRIPT_BYTES ? readFileSync(path, "latin1") : "";
  } catch {
    return "";
  }
}

function blockChecks(facts: WazuhFacts, block: Block, install: string): readonly Check[] {
  const hook = isHook(facts, block.name);
  if (!hook && !COMMUNITY.test(block.name)) {
    if (STOCK.has(block.name) || block.name.startsWith("custom-")) return [];
    return [
      warn(
        "integration",
        `<integration> "${block.name.slice(0, 40)}" (line ${block.line}): integratord starts only stock ones and names with custom-`,
        `in ${facts.paths.ossecConf}: <name>custom-${block.name.slice(0, 40)}</name>`,
      ),
    ];
  }
  return [
    script(facts, block, install),
    ...(hook ? spoolChecks(facts, block.name) : []),
    format(facts, block),
    loop(block, hook, install),
    filters(facts, block),
  ].filter((check) => check !== undefined);
}

/** `custom-x` is started as `integrations/custom-x`; a wrapper of that name starts `custom-x.py`. */
function script(facts: WazuhFacts, { name, line }: Block, install: string): Check | undefined {
  const path = join(facts.paths.integrations, name);
  const manager = facts.managerIdentity();
  if (manager === undefined || name.includes("/")) return undefined;
  const access = accessOf(path, manager, "enter");
  const found = `<integration> ${name} (line ${line})`;
  if (access.status === "absent")
    return fail(
      "integration",
      `${found}: ${path} is not there`,
      isHook(facts, name) ? `${install} --hook` : `take the block out of ${facts.paths.ossecConf}`,
    );
  if (access.status === "no") {
    const fix = access.remedy.startsWith("usermod ") ? `chmod o+rx ${shellWord(path)}` : access.remedy;
    return fail("integration", `${found}: the manager may not run ${access.at} (${access.mode})`, fix);
  }
  return undefined;
}

function format(facts: WazuhFacts, { name, format, line }: Block): Check | undefined {
  if (format === "json") return undefined;
  return fail(
    "integration",
    `<integration> ${name} (line ${line}): alert_format is ${format ?? "not given"}: the script gets no JSON`,
    `in ${facts.paths.ossecConf}: <alert_format>json</alert_format>, then ${managerCommand(facts.paths, "restart")}`,
  );
}

/** The community's scripts know nothing of their own alerts; Tipline tells its own by their seal. */
function loop(block: Block, hook: boolean, install: string): Check | undefined {
  if (hook) return undefined;
  const where = `<integration> ${block.name} (line ${block.line})`;
  const takesOurs = block.ruleIds === undefined && block.groups.length === 0 && Number(block.level ?? 0) <= MATCH_LEVEL;
  if (takesOurs)
    return fail(
      "integration",
      `${where}: it takes every alert from level ${block.level ?? "0"} on, those of its own findings as well, and loops`,
      `${install} --replace ${block.name}`,
    );
  return warn(
    "integration",
    `${where} asks MISP for alerts that Tipline matches as well: findings come twice`,
    `${install} --replace ${block.name}`,
  );
}

function filters(facts: WazuhFacts, { name, groups, line }: Block): Check | undefined {
  if (groups.length === 0) return undefined;
  const levels = groupLevels(readRules(facts).loaded);
  const unknown = groups.filter((group) => !levels.has(group));
  if (unknown.length === 0) return undefined;
  const near = [...levels.keys()].filter((known) => unknown.some((group) => isNear(group, known))).slice(0, 6);
  const words = `<integration> ${name} (line ${line}): no loaded rule has group ${unknown.slice(0, 6).join(", ")}`;
  const kept = groups.filter((group) => levels.has(group));
  const wanted = [...kept, ...near].join(",");
  const remedy =
    wanted === ""
      ? `in ${facts.paths.ossecConf}: take the <group> of line ${line} out or name groups that rules have`
      : `in ${facts.paths.ossecConf}: <group>${wanted}</group>, then ${managerCommand(facts.paths, "restart")}`;
  return unknown.length === groups.length ? fail("integration", words, remedy) : warn("integration", words, remedy);
}

/** `sysmon_event1` for `sysmon_event_01`, `sysmon_event_22` for `sysmon_event22`: the same but for separators and zeros. */
function isNear(wanted: string, known: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[_-]|(?<=\D)0+(?=\d)/g, "");
  return plain(wanted) === plain(known);
}
