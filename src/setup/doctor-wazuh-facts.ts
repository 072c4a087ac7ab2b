import { readFileSync, statSync } from "node:fs";
import { countedBetween, readAnalysisState, type StateReading } from "../clients/wazuh-state.ts";
import { asError, systemCode } from "../lib/errors.ts";
import type { Identity } from "./doctor-host-access.ts";
import { once } from "./doctor-line-walk.ts";
import type { IsDaemon } from "./doctor-wazuh-daemons.ts";
import { type AlertsTail, readAlertsTail } from "./doctor-wazuh-tail.ts";
import { findInstallation, type Installation, pathsOf } from "./wazuh/installation.ts";
import { type OssecConf, readOssecConf } from "./wazuh/ossec-conf.ts";

/** A place of Wazuh's that a component is pointed at; `need`: what Tipline must be allowed there. */
export interface ConfiguredPlace {
  readonly path: string;
  /** Of the configuration: `sources.wazuh.path`. */
  readonly key: string;
  readonly need: "read" | "write";
}

/** What is examined on the side of Wazuh. */
export interface WazuhSubject {
  readonly prefix: string;
  /** The user that Tipline runs as. */
  readonly who: Identity;
  /** Where that was taken from, for people. */
  readonly how: string;
  /** Command that restarts Tipline. */
  readonly restart: string;
  /** `alerts.json` as the configured source has it; undefined when there is none. */
  readonly reads: ConfiguredPlace | undefined;
  /** The queue socket as the configured sink has it; undefined when there is none. */
  readonly writes: ConfiguredPlace | undefined;
  /** A `wazuh-hook` source is configured. */
  readonly hook: boolean;
  /** The spool as that source has it. */
  readonly drains?: ConfiguredPlace;
  /** Further ones of these kinds, of other managers. */
  readonly elsewhere: readonly ConfiguredPlace[];
  readonly now: () => number;
  /** How long to wait at most for wazuh-analysisd to write its counters again. */
  readonly settleMs: number;
  /** For tests: instead of what the system says of processes. */
  readonly isDaemon?: IsDaemon;
  /** Waits; ends early when `signal` aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export type ConfReading =
  | { readonly status: "read"; readonly conf: OssecConf }
  | { readonly status: "denied" | "broken"; readonly message: string };

/** Counters and the log at one moment. */
export interface Sample {
  readonly state: StateReading;
  /** Undefined when it cannot be looked at. */
  readonly log: { readonly size: number; readonly inode: number; readonly changedAt: number } | undefined;
}

const MOST_CONF_BYTES = 16 * 2 ** 20;
const LOOK_MS = 250;
/** alerts.json is flushed once a second. */
const FLUSH_MS = 2_000;

/** What several hops want to know of an installation; each thing is read once, at first use. */
export class WazuhFacts {
  readonly subject: WazuhSubject;
  readonly paths: Installation["paths"];
  /** Throws TIP_INPUT_INVALID where there is no manager. */
  readonly installation: () => Installation;
  readonly conf: () => ConfReading;
  readonly tail: () => Promise<AlertsTail>;
  /** Two looks, so far apart that wazuh-analysisd wrote its counters in between (or `settleMs`). */
  readonly samples: (signal: AbortSignal) => Promise<readonly [Sample, Sample]>;
  readonly #first: () => Promise<Sample>;

  constructor(subject: WazuhSubject) {
    this.subject = subject;
    this.paths = pathsOf(subject.prefix);
    this.installation = once(() => findInstallation({ prefix: subject.prefix }));
    this.conf = once(() => readConf(this.paths.ossecConf));
    this.tail = once(() => readAlertsTail(this.paths.alertsJson));
    this.#first = once(() => this.#sample());
    let both: Promise<readonly [Sample, Sample]> | undefined;
    this.samples = (signal) => {
      both ??= this.#both(signal);
      return both;
    };
  }

  /** Takes the first look now, so that time passes while other hops are looked at. */
  async begin(): Promise<void> {
    await this.#first();
  }

  /** The user of the manager's daemons, without root's rights whatever it is. */
  managerIdentity(): Identity | undefined {
    const { user } = this.installation();
    return user && { uid: user.uid, gids: new Set([user.gid]), name: "wazuh", privileged: false, self: false };
  }

  async #both(signal: AbortSignal): Promise<readonly [Sample, Sample]> {
    const { settleMs, sleep } = this.subject;
    const [first, next] = await this.next(await this.#first(), signal);
    if (hasGrown(first, next) || (rise([first, next], "alerts_written") ?? 0) === 0) return [first, next];
    // What is counted is written within the second.
    await sleep(Math.min(FLUSH_MS, settleMs), signal);
    return [first, { ...next, log: (await this.#sample()).log }];
  }

  /** A look, and one after wazuh-analysisd wrote its counters again (or `settleMs`). */
  async next(first: Sample, signal: AbortSignal): Promise<readonly [Sample, Sample]> {
    const { settleMs, sleep } = this.subject;
    const before = writtenAt(first);
    // Looks are counted, not the clock's time: it may be set while we wait.
    for (let looks = before === undefined ? 0 : Math.ceil(settleMs / LOOK_MS); ; looks--) {
      const next = await this.#sample();
      if (writtenAt(next) !== before || looks <= 0 || signal.aborted) return [first, next];
      await sleep(LOOK_MS, signal);
    }
  }

  async #sample(): Promise<Sample> {
    const state = await readAnalysisState(this.paths.analysisState);
    try {
      const { size, ino, mtimeMs } = statSync(this.paths.alertsJson);
      return { state, log: { size, inode: ino, changedAt: mtimeMs } };
    } catch {
      return { state, log: undefined };
    }
  }
}

/** The log was written to since the counters of the first look were: the look itself may have come later than the writing. */
export function hasGrown(first: Sample, second: Sample): boolean {
  if (second.log === undefined) return false;
  if (first.log?.size !== second.log.size || first.log.inode !== second.log.inode) return true;
  return second.log.changedAt >= (writtenAt(first) ?? 0);
}

function writtenAt({ state }: Sample): number | undefined {
  return state.status === "read" ? state.state.writtenAt : undefined;
}

/** wazuh-analysisd wrote its counters between the two looks: only then do they say anything about now. */
export function wroteCounters([first, second]: readonly [Sample, Sample]): boolean {
  return writtenAt(first) !== writtenAt(second);
}

/** Counter of a sample, or undefined. */
export function counter({ state }: Sample, name: string): number | undefined {
  return state.status === "read" ? state.state.values.get(name) : undefined;
}

/** How much was counted between two samples; undefined where that cannot be known. */
export function rise([first, second]: readonly [Sample, Sample], name: string): number | undefined {
  if (first.state.status !== "read" || second.state.status !== "read") return undefined;
  return countedBetween(first.state.state, second.state.state, name);
}

function readConf(path: string): ConfReading {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { status: "broken", message: `${path} is no regular file` };
    if (stat.size > MOST_CONF_BYTES) return { status: "broken", message: `${path} is larger than 16 MiB` };
    return { status: "read", conf: readOssecConf(readFileSync(path, "latin1"), path) };
  } catch (thrown) {
    const code = systemCode(thrown);
    const denied = code === "EACCES" || code === "EPERM";
    return { status: denied ? "denied" : "broken", message: asError(thrown).message };
  }
}
