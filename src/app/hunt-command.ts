import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { packageRoot } from "../lib/package-root.ts";
import type { Finding } from "../model/finding.ts";
import { HuntJob } from "../store/hunt-job.ts";
import { commandKey } from "./engine.ts";
import { hunt } from "./hunt.ts";
import { openDelivery } from "./hunt-deliver.ts";
import { filesNamed, filesOfLogs, type HuntLog, type TimeWindow } from "./hunt-files.ts";
import { huntFolder, openSketches } from "./hunt-place.ts";
import type { StoredHunt } from "./hunt-progress.ts";
import type { HuntOutcome, HuntRequest, HuntThreads } from "./hunt-request.ts";
import { type Intelligence, type OpenOptions, openIntelligence } from "./intelligence.ts";

export interface HuntCommand {
  readonly open: OpenOptions;
  readonly files: readonly string[];
  readonly window: TimeWindow;
  /** The times as they were given: a hunt that is given in the same words is the same. */
  readonly words: readonly (string | undefined)[];
  /** Only indicators that came or changed since; epoch milliseconds. */
  readonly newSince: number | undefined;
  readonly archives: boolean;
  readonly logs?: string;
  readonly minScore: number;
  readonly benign: boolean;
  readonly findings: boolean;
  readonly deliver: boolean;
  readonly resume: boolean;
  readonly restart: boolean;
  /** Make sketches (true), neither make nor use them (false), or make them where that takes no longer than minutes. */
  readonly sketches: boolean | undefined;
  /** Threads that read; 0: none but this one. Default: one a processor where there is enough to read. */
  readonly threads?: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A hunt that is ready to run. */
export interface HuntSession {
  /** What a person should know before. */
  readonly notes: readonly string[];
  run(events: Pick<HuntRequest, "emit" | "onProgress">): Promise<HuntReport>;
  close(): Promise<void>;
}

export interface HuntReport {
  readonly outcome: HuntOutcome;
  readonly generation: string;
  readonly window: TimeWindow;
  readonly troubles: readonly string[];
  /** Findings wait in the journal of a line that does not run. */
  readonly waiting: boolean;
  readonly tookMs: number;
}

/** So much is sketched without being asked: it takes a few minutes, and the next hunt takes seconds. */
const SKETCHED_BYTES = 2 * 2 ** 30;
const WAZUH_LOGS = "/var/ossec/logs";

export async function openHunt(command: HuntCommand): Promise<HuntSession> {
  const { log } = command;
  const intelligence = await openIntelligence(command.open);
  const { config } = intelligence;
  if (command.deliver && config === undefined) {
    await intelligence.close();
    throw new TiplineError("TIP_USAGE_INVALID", "--deliver needs a configuration: its sinks get the findings");
  }
  const delivery = command.deliver && config !== undefined ? openDelivery(config, log, command.signal) : undefined;
  const generation = intelligence.live.current();
  const folder = huntFolder(config?.state_dir);
  const version = softwareVersion();
  const notes: string[] = [];
  const job = HuntJob.open<StoredHunt>(join(folder, "interrupted"), jobName(command, config), log);
  const before = job?.before;
  if (job !== undefined && before !== undefined) {
    const begun = new Date(before.startedAt).toISOString();
    const same = before.generation === generation.id && before.version === version;
    if (command.restart) job.startAnew();
    else if (same) notes.push(`going on with the hunt of ${begun}, which was interrupted (--restart begins anew)`);
    else if (command.resume)
      notes.push(
        `going on with the hunt of ${begun}; its first part was matched against generation ${before.generation}`,
      );
    else {
      notes.push(
        `the indicators have changed since the hunt of ${begun} was interrupted: beginning anew (--resume goes on with it)`,
      );
      job.startAnew();
    }
  }
  const resumed = job?.before;
  const window = resumed === undefined ? command.window : windowOf(resumed);
  const newSince = resumed === undefined ? command.newSince : (resumed.newSince ?? undefined);
  let finished = false;
  return {
    notes,
    async run(events) {
      const began = Date.now();
      const { files, troubles } =
        command.files.length > 0
          ? await filesNamed(command.files, window)
          : await filesOfLogs(logsOf(command, config), window);
      if (files.length === 0 && troubles.length > 0) throw new TiplineError("TIP_INPUT_INVALID", troubles.join("\n"));
      const sketches = command.sketches === false ? undefined : openSketches(folder, version, log);
      const content = files.reduce((sum, file) => sum + file.content, 0);
      const threads = threadsOf(command, intelligence);
      const outcome = await hunt({
        ...events,
        files,
        generation,
        ...(newSince === undefined ? {} : { newSince }),
        ...(threads === undefined ? {} : { threads }),
        key: commandKey(config?.state_dir),
        window,
        minScore: command.minScore,
        benign: command.benign,
        sketches,
        sketching: command.sketches ?? content <= SKETCHED_BYTES,
        job,
        ...(delivery === undefined ? {} : { deliver: (findings: readonly Finding[]) => delivery.deliver(findings) }),
        startedAt: resumed?.startedAt ?? began,
        version,
        log,
        signal: command.signal,
      });
      sketches?.prune();
      finished = !outcome.interrupted;
      return {
        outcome,
        generation: generation.id,
        window,
        troubles: [...troubles, ...outcome.troubles],
        waiting: delivery?.waiting === true,
        tookMs: Date.now() - began,
      };
    },
    async close() {
      job?.end(finished);
      await intelligence.close();
    },
  };
}

/** Undefined: all is done in this one. */
function threadsOf({ threads: count }: HuntCommand, { live, judging }: Intelligence): HuntThreads | undefined {
  const shared = live.shared();
  if (shared === undefined || count === 0) return undefined;
  return { generation: shared.generation, judging, ...(count === undefined ? {} : { count }) };
}

function windowOf({ from, to }: StoredHunt): TimeWindow {
  return { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) };
}

/** Equal for the same question to the same files, whenever it is asked. */
function jobName(command: HuntCommand, config: Config | undefined): string {
  const { files, words, archives, logs, minScore, benign, findings, deliver, open } = command;
  const where = config?.state_dir ?? open.feeds;
  return JSON.stringify([process.cwd(), where, files, words, archives, logs, minScore, benign, findings, deliver]);
}

/** Wazuh's logs: as named, as the configuration's sources follow them or beside those, or where Wazuh puts them. */
export function logsOf(
  { logs, archives }: Pick<HuntCommand, "logs" | "archives">,
  config?: Config,
): readonly HuntLog[] {
  const of = (type: string) =>
    (config?.sources ?? [])
      .filter(({ definition }) => definition.type === type)
      .map(({ settings }) => (settings as { readonly path: string }).path);
  const alerts = logs === undefined ? of("wazuh-alerts") : [];
  const events = logs === undefined ? of("wazuh-archives") : [];
  const or = (paths: readonly string[], others: readonly string[], name: string) => {
    if (paths.length > 0) return paths;
    const known = others.flatMap(logsFolder);
    return (known.length > 0 ? known : [logs ?? WAZUH_LOGS]).map((root) => join(root, name));
  };
  return [
    ...or(alerts, events, "alerts/alerts.json").map((path) => ({ path, tag: "alerts" as const })),
    ...(archives ? or(events, alerts, "archives/archives.json") : []).map((path) => ({
      path,
      tag: "archive" as const,
    })),
  ];
}

/** The manager's folder of logs, by the path of a file that it writes there. */
function logsFolder(path: string): readonly string[] {
  return /(?:^|\/)(?:alerts|archives)\/[^/]+$/.test(path) ? [dirname(dirname(path))] : [];
}

export function softwareVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { readonly version: string })
    .version;
}
