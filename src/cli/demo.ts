import { join } from "node:path";
import type { Command } from "commander";
import { type DemoAccount, runDemo } from "../app/demo.ts";
import { createLog } from "../lib/create-log.ts";
import { packageRoot } from "../lib/package-root.ts";
import { wholeNumber } from "./common.ts";
import { paint, print, safe } from "./output.ts";
import { renderFinding } from "./render.ts";
import { untilInterrupted } from "./signals.ts";

interface Flags {
  readonly once?: boolean;
  readonly rate: string;
  readonly verbose?: boolean;
}

const STATUS_EVERY_MS = 250;

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("Watch the main job on bundled alerts and a bundled MISP feed; needs nothing else.")
    .option("--once", "end after one round of the bundled alerts, with a summary")
    .option("--rate <n>", "alerts a second", "25")
    .option("-v, --verbose", "log what happens to stderr")
    .addHelpText("after", "\nExamples:\n  npm run demo\n  npm run demo -- --once --rate 200")
    .action(async (flags: Flags) => {
      const rate = wholeNumber("--rate", flags.rate, 1, 5000);
      const signal = untilInterrupted();
      const status = new StatusLine();
      const account = await runDemo(
        {
          once: flags.once === true,
          rate,
          log: createLog(flags.verbose ? "debug" : "error"),
          onReady: ({ folder, indicators, quarantined }) =>
            status.above(() => welcome(folder, indicators, quarantined, flags)),
          onFinding: (finding) => status.above(() => print(renderFinding(finding))),
          onAccount: (now) => status.update(now),
        },
        signal,
      );
      status.wipe();
      await summary(account);
    });
}

async function welcome(
  folder: string,
  indicators: number,
  quarantined: readonly { readonly value: string; readonly reason: string }[],
  { once }: Flags,
): Promise<void> {
  await print(
    [
      paint("bold", "Tipline demo") +
        ": Wazuh alerts are written to an alerts.json, followed, matched against a MISP feed, and what matched is sent on.",
      `  following ${folder}/alerts.json`,
      `  ${indicators} indicators from the bundled MISP feed are live`,
      ...quarantined.map(({ value, reason }) => `  quarantined: ${safe(value, 70)} (${reason})`),
      once ? "" : "  Ctrl-C ends it.",
      "",
      paint(
        "dim",
        "time      band   score  agent              what MISP knows; then where it was seen, the MISP event, and why it has that score",
      ),
    ].join("\n"),
  );
}

async function summary({ read, matched, sent, benign }: DemoAccount): Promise<void> {
  const inside = process.cwd() === packageRoot();
  const tipline = inside ? "npx tipline" : "tipline";
  const feed = join(inside ? "" : packageRoot(), "examples/demo/feed");
  await print(
    [
      "",
      paint(
        "bold",
        `${read} alerts read, ${matched} matched, ${sent} findings sent (${benign} known benign), ${Math.max(0, matched - sent)} repeats held back by storm control, 0 lost.`,
      ),
      "",
      "What next:",
      `  your own alerts, no configuration:  ${tipline} enrich --feed ${feed} /var/ossec/logs/alerts/alerts.json --pretty`,
      `  why an alert did (not) match:       tail -1 alerts.json | ${tipline} explain --feed ${feed}`,
      `  beside your Wazuh and MISP:         ${tipline} config example > tipline.yaml, then ${tipline} run`,
    ].join("\n"),
  );
}

/** One line at the bottom of a terminal with the running account; on a pipe there is none. */
class StatusLine {
  readonly #live = process.stdout.isTTY === true;
  #last: DemoAccount | undefined;
  #drawn = 0;
  #rate = 0;
  #before = { read: 0, at: Date.now() };

  update(account: DemoAccount): void {
    this.#last = { ...account };
    if (Date.now() - this.#drawn >= STATUS_EVERY_MS) this.#draw();
  }

  /** Prints something above the line. */
  async above(write: () => Promise<void>): Promise<void> {
    this.wipe();
    await write();
    this.#draw();
  }

  wipe(): void {
    if (this.#live && this.#drawn > 0) process.stdout.write("\r\u001b[2K");
  }

  #draw(): void {
    if (!this.#live || this.#last === undefined) return;
    const { read, matched, sent, benign } = this.#last;
    const now = Date.now();
    if (now - this.#before.at >= 1000) {
      this.#rate = ((read - this.#before.read) * 1000) / (now - this.#before.at);
      this.#before = { read, at: now };
    }
    this.#drawn = now;
    process.stdout.write(
      `\r\u001b[2K${paint("inverse", ` ${read} alerts  ${this.#rate.toFixed(0)}/s  ${matched} matched  ${sent} sent  ${benign} known benign `)}`,
    );
  }
}
