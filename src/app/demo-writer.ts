import { appendFileSync, readFileSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";

export interface DemoWriterOptions {
  /** Bundled alerts, one a line. */
  readonly alerts: string;
  /** The alerts.json that the line follows. */
  readonly target: string;
  /** Lines a second. */
  readonly rate: number;
  /** Write the alerts once, or over and over with later times. */
  readonly once: boolean;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;
const SLICE_MS = 50;

/**
 * Writes the bundled alerts line by line, as a Wazuh manager would. From the second round on every time and id is moved a
 * day on, so that storm control sees new windows and ids stay distinct. Gives the number of lines written.
 */
export async function writeAlerts(
  options: DemoWriterOptions,
  signal: AbortSignal,
  onLine: () => void,
): Promise<number> {
  const lines = readFileSync(options.alerts, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const started = options.clock.now();
  let written = 0;
  for (let round = 0; !signal.aborted && (round === 0 || !options.once); round++) {
    for (const line of lines) {
      const due = (written / options.rate) * 1000;
      if (due - elapsed() > SLICE_MS) await options.clock.sleep(due - elapsed(), signal);
      if (signal.aborted) return written;
      appendFileSync(options.target, `${round === 0 ? line : later(line, round)}\n`);
      written++;
      onLine();
    }
  }
  return written;

  function elapsed(): number {
    return options.clock.now() - started;
  }
}

function later(line: string, round: number): string {
  const alert = JSON.parse(line) as { timestamp: string; id: string };
  const time = new Date(Date.parse(alert.timestamp.replace(/(\d{2})(\d{2})$/, "$1:$2")) + round * DAY_MS);
  const [second = "0", offset = "0"] = alert.id.split(".");
  return JSON.stringify({
    ...alert,
    timestamp: time.toISOString().replace("Z", "+0000"),
    id: `${Number(second) + (round * DAY_MS) / 1000}.${offset}`,
  });
}
