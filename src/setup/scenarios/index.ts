import { fim } from "./fim.ts";
import { packetbeatDns, sshLogin, sysmonForLinux, webAccess } from "./linux.ts";
import type { Scenario } from "./scenario.ts";
import { sysmonDns, sysmonNetwork, sysmonProcess } from "./windows.ts";

/** Every scenario, in the order in which they are listed. */
export const SCENARIOS: readonly Scenario[] = [
  sshLogin,
  sysmonProcess,
  sysmonNetwork,
  sysmonDns,
  sysmonForLinux,
  fim,
  packetbeatDns,
  webAccess,
];

export function scenarioNamed(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
