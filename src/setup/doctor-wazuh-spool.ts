import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Check, fail } from "./checks.ts";
import { type Access, accessOf, type Identity, shellWord } from "./doctor-host-access.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { samePlace } from "./wazuh/installation.ts";

const MOST_SCRIPT_BYTES = 256 * 1024;
const USUAL = "queue/tipline";
/** Set-group-id: what the hook makes belongs to the manager's group, of which Tipline is a member. */
const MODE = "2770";

/** The folder that the hook fills and Tipline empties: the same for both, there, and for both to write to. `name`: of the script. */
export function spoolChecks(facts: WazuhFacts, name: string): readonly Check[] {
  const { drains, prefix, who } = facts.subject;
  const fills = spoolOf(join(facts.paths.integrations, name));
  if (fills === undefined) return [];
  const here = drains?.path ?? fills;
  // In a container the manager has another prefix than its volumes have here.
  const mounted = here === join(prefix, USUAL) && fills.endsWith(`/${USUAL}`);
  if (drains !== undefined && !mounted && fills !== here && !samePlace(fills, here))
    return [
      fail(
        "integration",
        `${drains.key} is ${here}, but ${name} puts alerts into ${fills}`,
        `${drains.key}: ${fills}, then ${facts.subject.restart}`,
      ),
    ];
  const manager = facts.managerIdentity();
  for (const [user, does] of [
    [manager, "puts alerts into it"],
    [who, "takes alerts out of it"],
  ] as const) {
    const check = user && mayUse(here, user, does, manager);
    if (check !== undefined) return [check];
  }
  return [];
}

function mayUse(spool: string, user: Identity, does: string, manager: Identity | undefined): Check | undefined {
  const access = accessOf(spool, user, "write");
  if (access.status === "yes" || access.status === "unseen") return undefined;
  const group = [...(manager?.gids ?? [])][0] ?? "wazuh";
  if (access.status === "absent")
    return fail(
      "integration",
      `the hook's spool ${spool} is not there: its alerts are lost`,
      `install -d -g ${group} -m ${MODE} ${shellWord(spool)}`,
    );
  return fail(
    "integration",
    `the hook's spool: ${user.name}, who ${does}, may not ${access.need} ${access.at} (${access.mode})`,
    isSpool(access, spool)
      ? `chgrp ${group} ${shellWord(access.at)} && chmod ${MODE} ${shellWord(access.at)}`
      : access.remedy,
  );
}

const isSpool = (access: Extract<Access, { status: "no" }>, spool: string): boolean => samePlace(access.at, spool);

/** As the script has it; undefined where it cannot be read or is none of ours. */
function spoolOf(script: string): string | undefined {
  try {
    const stat = statSync(script);
    if (!stat.isFile() || stat.size > MOST_SCRIPT_BYTES) return undefined;
    return /^spool='(\/[^'\n]{0,4000})'$/m.exec(readFileSync(script, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
