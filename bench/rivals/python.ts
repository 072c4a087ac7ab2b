import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import { median } from "../figures.ts";
import { version } from "../machine.ts";

/** A rival that was measured, or why not. `patterns`: with so many of the indicators, where it cannot take all. */
export type RivalFigure =
  | { readonly linesPerSecond: number; readonly note: string; readonly patterns?: number }
  | { readonly skipped: string };

const SCRIPT = join(packageRoot(), "bench/rivals/custom-misp.py");
const ALERTS = 12;
const TURNS = 3;

/** Alerts a second when a Python process asks a server on this machine for each, one after the other. */
export async function benchPython(
  lines: readonly string[],
  dir: string,
): Promise<RivalFigure & { readonly tool?: string }> {
  const python = version("python3");
  if (python === undefined) return { skipped: "python3 is not installed" };
  const library = version("python3", ["-c", "import requests; print('requests ' + requests.__version__)"]);
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json").end('{"response":{"Attribute":[]}}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = join(dir, "alert.json");
  try {
    const rates: number[] = [];
    // The first turn warms the caches.
    for (let turn = 0; turn <= TURNS; turn++) {
      const from = performance.now();
      for (const line of lines.slice(0, ALERTS)) {
        writeFileSync(file, line);
        await ended("python3", [SCRIPT, file, "key", url]);
      }
      if (turn > 0) rates.push((ALERTS * 1_000) / (performance.now() - from));
    }
    const note = `${library ?? "urllib"}, a local server that answers at once, one after the other`;
    return { linesPerSecond: median(rates), note, tool: `${python}, ${library ?? "urllib"}` };
  } finally {
    server.close();
  }
}

function ended(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] })
      .once("error", reject)
      .once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
}
