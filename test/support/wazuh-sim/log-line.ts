import type { LoadMessage } from "./rule.ts";

/** A line of ossec.log and of what the daemons print: `2026/11/21 21:45:50 wazuh-analysisd: WARNING: (7612): …`. */
export function logLine(daemon: string, level: string, text: string, time = Date.now()): string {
  const stamp = new Date(time).toISOString().replaceAll("-", "/").replace("T", " ").slice(0, 19);
  return `${stamp} ${daemon}: ${level}: ${text}\n`;
}

export function loadLines(messages: readonly LoadMessage[], time = Date.now()): string {
  return messages.map(({ level, text }) => logLine("wazuh-analysisd", level, text, time)).join("");
}
