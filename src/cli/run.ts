import type { Command } from "commander";
import { requireConfig } from "../app/paths.ts";
import { serviceNotify } from "../app/service-notify.ts";
import { type LineOptions, runLine } from "../app/start.ts";
import { loadConfig } from "../config/load.ts";
import { mountLookup } from "../console/lookup.ts";
import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/create-log.ts";
import { untilInterrupted } from "./signals.ts";

interface Flags {
  readonly config?: string;
  readonly verbose?: boolean;
}

export function addRun(program: Command): void {
  program
    .command("run")
    .description("Follow the alerts, match them, deliver what matched; until stopped.")
    .option("-c, --config <file>", "configuration")
    .option("-v, --verbose", "log at level debug")
    .addHelpText(
      "after",
      `
Example:
  tipline run --config /etc/tipline/tipline.yaml

Logs are NDJSON on stderr. SIGTERM and Ctrl-C stop it cleanly; kill -9 loses nothing either.
Metrics and health: http://127.0.0.1:9627/metrics and /healthz (metrics.listen).`,
    )
    .action(async (flags: Flags) => {
      const path = requireConfig(flags.config);
      const config = await loadConfig(path);
      const log = createLog(flags.verbose ? "debug" : config.log.level);
      const service = await serviceNotify(log);
      const signal = untilInterrupted(() => {
        log.info("stopping", {});
        service.stopping();
      });
      log.info("starting", {
        config: path,
        sources: config.sources.map(({ name }) => name),
        feeds: config.feeds.map(({ name }) => name),
        sinks: config.sinks.map(({ name }) => name),
      });
      const onReady = (url: string | undefined) => {
        log.info("ready", url === undefined ? {} : { metrics: `${url}/metrics` });
        service.ready();
      };
      const mount: LineOptions["mount"] = (http, { live, metrics }) => {
        if (config.lookup === undefined) return;
        mountLookup(http, config.lookup, {
          generation: () => live.current(),
          clock: systemClock,
          onVerdict: (verdict) => metrics.lookups.inc({ verdict }),
        });
      };
      try {
        await runLine(config, { log, onReady, mount }, signal);
      } finally {
        service.close();
      }
      log.info("stopped", {});
    });
}
