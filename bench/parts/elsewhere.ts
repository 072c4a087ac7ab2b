import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { BenchContext } from "../context.ts";
import type { Row, Section } from "../figures.ts";
import { processor } from "../machine.ts";
import type { DesignLine } from "../targets.ts";

/** A bench with a command and results of its own. */
interface Other {
  readonly command: string;
  readonly script: string;
  readonly results: string;
  /** Number to hold by the beginning of the name of its figure. */
  readonly designs: readonly (readonly [string, DesignLine])[];
}

const WAZUH: Other = {
  command: "npm run bench:wazuh",
  script: ".build/bench/wazuh/main.js",
  results: "RESULTS-WAZUH.md",
  designs: [
    ["2,000 alerts/s, 1% matching, echoes read as well: line written to datagram received", "latency-1"],
    ["2,000 alerts/s, 100% matching: line written to datagram received", "latency-100"],
    ["hook ÷ /bin/true, runs a second; alert and spool on one file system", "hook"],
  ],
};
const SYNC: Other = {
  command: "npm run bench:sync",
  script: ".build/bench/sync/main.js",
  results: "RESULTS-SYNC.md",
  designs: [
    ["with the recorded delays", "sync-delayed"],
    ["without delays", "sync-bare"],
    ["highest anonymous memory", "sync-memory"],
  ],
};

export const benchWazuh = async (context: BenchContext): Promise<Section> => other(context, WAZUH);
export const benchSync = async (context: BenchContext): Promise<Section> => other(context, SYNC);

/** Runs it, unless this is a trial, and quotes what stands in its results if these are of this machine. */
function other(context: BenchContext, { command, script, results, designs }: Other): Section {
  const path = join(packageRoot(), "bench", results);
  if (!context.options.trial) {
    // Exit code 1 says that a number was missed, which its results say, too.
    const { status } = spawnSync(process.execPath, [join(packageRoot(), script)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (status !== 0 && status !== 1) throw new Error(`${script} ended with ${status}`);
  }
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const made = text.split("\n").find((line) => line.includes(processor())) ?? "";
  const how = `Quoted from [${results}](${results}), which \`${command}\` makes.`;
  if (made === "") return { how, rows: [], made: "Not measured on this machine." };
  return { how, rows: quotedRows(text, designs), made };
}

/** Rows of a table of four columns: figure, measured, target, verdict. */
export function quotedRows(text: string, designs: Other["designs"]): Row[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| figure "))
    .map((line) => {
      const [name = "", value = "", target = "", held = ""] = line
        .split("|")
        .slice(1)
        .map((cell) => cell.trim());
      const design = designs.find(([start]) => name.startsWith(start))?.[1];
      return {
        name,
        value,
        target,
        held: held === "held" ? true : held.includes("missed") ? false : undefined,
        ...(design === undefined ? {} : { design }),
      };
    });
}
