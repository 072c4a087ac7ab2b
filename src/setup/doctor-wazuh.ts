import type { Hop } from "./doctor-line-walk.ts";
import { alertsHops } from "./doctor-wazuh-alerts.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { integrationHop } from "./doctor-wazuh-integration.ts";
import { type LastFired, logtestHops } from "./doctor-wazuh-logtest.ts";
import { managerHops, queueHops } from "./doctor-wazuh-manager.ts";
import { ruleHops } from "./doctor-wazuh-rules.ts";

/**
 * The hops on the side of Wazuh, from the manager's folder to the rules in force. `install`: the command that installs into this
 * manager; `user`: the hop that looks at Tipline's user, which alerts and queue rest on. Nothing is written but a session of
 * wazuh-logtest, which is removed again.
 */
export function wazuhHops(facts: WazuhFacts, install: string, user: Hop, lastFired: LastFired): readonly Hop[] {
  return [
    ...managerHops(facts),
    { ...user, needs: ["installation"] },
    ...alertsHops(facts),
    ...queueHops(facts),
    ...ruleHops(facts, install),
    ...logtestHops(facts, install, lastFired),
    integrationHop(facts, install),
  ];
}
