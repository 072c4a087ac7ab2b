import { existsSync } from "node:fs";
import type { Config } from "../config/load.ts";
import type { Journal } from "../contract/journal.ts";
import { findingId } from "../intel/finding-id.ts";
import { systemClock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import { get, type JsonValue } from "../model/json.ts";
import { type ControlHandler, callControl } from "../store/control.ts";
import { openJournal } from "../store/journal.ts";
import { loadOrCreateKey } from "../store/key.ts";
import { lockState } from "../store/state-lock.ts";
import { journalDir, keyFile } from "./dead-letters.ts";
import { journalReaders } from "./readers.ts";

/** Name of hunts in the journal: no source can have it, because it has a blank. */
export const HUNT_IN_JOURNAL = "retro hunt";
/** Findings that are remembered, so that another hunt does not deliver them again. */
const REMEMBERED = 1_000_000;
/** Bytes of findings of one request to the running line. */
const REQUEST_BYTES = 1024 * 1024;
const REQUEST_FINDINGS = 100;
/** A line that is busy with as many findings is given time, but no more of it than this for one request. */
const BUSY_FINDINGS = 500;
const MOST_WAIT_MS = 10_000;
const WAIT_MS = 100;
const LOCK_TRIES = 60;

/**
 * Puts findings into the journal, each one once: a finding's id names its range, so that it and the memory of it are written in one
 * transaction. Gives how many were new. They go through storm control to the sinks like all others.
 */
export async function journalRetro(
  journal: Journal,
  findings: readonly Finding[],
  signal?: AbortSignal,
): Promise<number> {
  const commits = findings.map((finding) =>
    journal.commit(
      {
        source: HUNT_IN_JOURNAL,
        range: finding.id,
        rangesKept: REMEMBERED,
        checkpoint: null,
        findings: [finding],
        deadLetters: [],
        confirmed: [],
      },
      signal,
    ),
  );
  return (await Promise.all(commits)).filter((fresh) => fresh).length;
}

/** Waits while the line has its hands full: what is live goes first. */
export async function untilCalm(journal: Journal, signal: AbortSignal, mostMs = MOST_WAIT_MS): Promise<void> {
  const busy = () => [...journal.backlog().values()].some(({ entries }) => entries > BUSY_FINDINGS);
  for (let waited = 0; waited < mostMs && busy() && !signal.aborted; waited += WAIT_MS)
    await systemClock.sleep(WAIT_MS, signal);
}

/** What `hunt --deliver` asks of a running line. */
export function deliverHandler(journal: Journal, key: Buffer, onDelivered: (findings: number) => void): ControlHandler {
  return async (args, signal) => {
    const given = get(args, "findings");
    const findings = Array.isArray(given) ? (given as readonly JsonValue[]).map((each) => checked(each, key)) : [];
    if (findings.length > REQUEST_FINDINGS)
      throw new TiplineError("TIP_USAGE_INVALID", `expected at most ${REQUEST_FINDINGS} findings at a time`);
    await untilCalm(journal, signal);
    const delivered = await journalRetro(journal, findings, signal);
    onDelivered(delivered);
    return { delivered };
  };
}

/** A finding of a hunt under this installation's key; anything else is refused. */
function checked(value: JsonValue, key: Buffer): Finding {
  const finding = value as unknown as Finding;
  const { node, rawHash } = finding?.alert ?? {};
  const indicator = finding?.key?.indicator;
  const named = [node, rawHash, indicator, finding?.key?.entity, finding?.alert?.raw].every(
    (part) => typeof part === "string",
  );
  const whole = named && finding.kind === "alert" && finding.mode === "retro" && typeof finding.misp === "object";
  if (
    whole &&
    finding.id === findingId(key, { node, rawHash, mode: "retro", indicator }) &&
    Number.isFinite(finding.alert.time)
  )
    return finding;
  throw new TiplineError("TIP_USAGE_INVALID", "expected findings of `tipline hunt` made with this installation's key");
}

/** Where a command's findings go. */
export interface HuntDelivery {
  /** Durable when it resolves; gives how many were new. */
  deliver(findings: readonly Finding[]): Promise<number>;
  /** Some are in the journal of a line that does not run: it sends them when it starts. */
  readonly waiting: boolean;
}

/** Through the running line, or into its journal with the state locked. */
export function openDelivery(config: Config, log: Log, signal: AbortSignal): HuntDelivery {
  const { state_dir: stateDir } = config;
  if (!existsSync(keyFile(stateDir)))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `no key in ${stateDir}: expected a line that has run once (\`tipline run\`), so that its findings can be told apart`,
    );
  // Unreadable for this user: better now than after an hour of reading.
  loadOrCreateKey(keyFile(stateDir));
  let waiting = false;
  return {
    get waiting() {
      return waiting;
    },
    async deliver(findings) {
      let delivered = 0;
      for (const part of parts(findings)) {
        const answer = await callControl(stateDir, "hunt", { findings: part as never }, { timeoutMs: 600_000 });
        if (answer === undefined) {
          delivered += await deliverHere(config, part, log, signal);
          waiting = true;
        } else delivered += Number(get(answer, "delivered") ?? 0);
      }
      return delivered;
    },
  };
}

/** The state is locked for no longer than it takes, so that a line can start meanwhile. */
async function deliverHere(
  config: Config,
  findings: readonly Finding[],
  log: Log,
  signal: AbortSignal,
): Promise<number> {
  const lock = await lockSoon(config.state_dir, signal);
  try {
    const journal = await openJournal({
      dir: journalDir(config.state_dir),
      readers: journalReaders(config),
      maxBytes: config.journal.max_bytes,
      log,
    });
    try {
      return await journalRetro(journal, findings, signal);
    } finally {
      await journal.close();
    }
  } finally {
    lock.release();
  }
}

/** A sync, or a line that is starting, has it for a moment. */
async function lockSoon(stateDir: string, signal: AbortSignal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return lockState(stateDir);
    } catch (error) {
      if (attempt >= LOCK_TRIES || signal.aborted) throw error;
      await systemClock.sleep(1000, signal);
    }
  }
}

function* parts(findings: readonly Finding[]): Generator<readonly Finding[]> {
  let part: Finding[] = [];
  let bytes = 0;
  for (const finding of findings) {
    const size = Buffer.byteLength(JSON.stringify(finding));
    if (part.length > 0 && (bytes + size > REQUEST_BYTES || part.length >= REQUEST_FINDINGS)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(finding);
    bytes += size;
  }
  if (part.length > 0) yield part;
}
