import type { Config } from "../config/load.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { LineTail } from "../lib/line-tail.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { callControl } from "../store/control.ts";
import { alertSources, queueSink, returnSink } from "./wazuh-queue-sink.ts";

export type HopName = "sent" | "alert" | "read" | "matched" | "delivered" | "rule";

/** One hop of a simulated event. `unknown`: it could not be looked at, and a later one tells. */
export interface Hop {
  readonly hop: HopName;
  readonly status: "ok" | "failed" | "unknown";
  readonly found: string;
  /** What to look at; empty when it is passed. */
  readonly advice: string;
  readonly details?: JsonObject;
}

export interface FollowOptions {
  readonly config: Config;
  readonly mark: string;
  /** Alert files in which the event's alert and the finding's alert should show. */
  readonly files: readonly string[];
  readonly clock: Clock;
  readonly waitMs: number;
  /** What a stock manager lacks to alert on the event. */
  readonly lacks?: string;
  /** Why this command's own look at the generation finds nothing in the alert. */
  readonly unmatched?: string;
}

interface Seen {
  alert?: { readonly rule: string; readonly level: string; readonly file: string };
  echo?: { readonly rule: string; readonly level: string };
  trace?: JsonObject;
  /** Bytes that no source has read, as far as known; undefined: no Tipline runs. */
  unread?: number;
  runs: boolean;
  /** When the line was first heard to have read it. */
  tracedAt?: number;
  /** Since when nothing is unread although the alert is there. */
  idleSince?: number;
  unreadable?: string;
}

const POLL_MS = 250;
/** A line that has read everything and says nothing of the event for so long did not match it. */
const SILENT_MS = 8_000;
/** How much later than Tipline this command may see the alert. */
const SETTLE_MS = 2_000;

/** Watches an event from before it is sent. */
export class SimulationWatch {
  readonly #options: FollowOptions;
  readonly #tails: readonly LineTail[];
  readonly #seen: Seen = { runs: false };

  private constructor(options: FollowOptions, tails: readonly LineTail[]) {
    this.#options = options;
    this.#tails = tails;
  }

  /** Notes where the files end now. */
  static async begin(options: FollowOptions): Promise<SimulationWatch> {
    return new SimulationWatch(options, await Promise.all(options.files.map((file) => LineTail.open(file))));
  }

  /** The hops after the sending, each as soon as it is known, up to the first that failed. */
  async *hops(signal: AbortSignal): AsyncGenerator<Hop> {
    const { clock, waitMs } = this.#options;
    const end = clock.now() + waitMs;
    const pending: HopName[] = ["alert", "read", "matched", "delivered", "rule"];
    while (!signal.aborted) {
      await this.#look();
      const late = clock.now() >= end;
      for (let hop = this.#next(pending[0], late); hop !== undefined; hop = this.#next(pending[0], late)) {
        pending.shift();
        yield hop;
        if (hop.status === "failed" || pending.length === 0) return;
      }
      await clock.sleep(POLL_MS, signal);
    }
  }

  async #look(): Promise<void> {
    const { config, mark, clock } = this.#options;
    const seen = this.#seen;
    for (const tail of this.#tails) {
      try {
        for (const line of await tail.lines()) this.#line(line, tail.path);
        delete seen.unreadable;
      } catch (thrown) {
        seen.unreadable = asError(thrown).message;
      }
    }
    const answer = await this.#ask(config.state_dir, mark);
    seen.runs = answer !== undefined;
    const trace = get(answer, "trace");
    if (isJsonObject(trace)) {
      seen.trace = trace;
      seen.tracedAt ??= clock.now();
    }
    const unread = unreadBytes(get(answer, "unread"), alertSources(config));
    if (unread === undefined) delete seen.unread;
    else seen.unread = unread;
    if (seen.alert === undefined || unread !== 0) delete seen.idleSince;
    else seen.idleSince ??= clock.now();
  }

  async #ask(stateDir: string, mark: string): Promise<JsonValue | undefined> {
    try {
      return await callControl(stateDir, "simulation", { mark }, { timeoutMs: 5_000 });
    } catch (thrown) {
      if (thrown instanceof TiplineError && thrown.code === "TIP_USAGE_INVALID")
        throw new TiplineError("TIP_INPUT_INVALID", "the running Tipline is an older one: restart it", {
          cause: thrown,
        });
      throw thrown;
    }
  }

  #line(line: string, file: string): void {
    const findingId = text(this.#seen.trace, "finding_id");
    if (!line.includes(this.#options.mark) && (findingId === undefined || !line.includes(findingId))) return;
    let alert: unknown;
    try {
      alert = JSON.parse(line);
    } catch {
      return;
    }
    if (!isJsonObject(alert)) return;
    const found = { rule: text(alert, "rule", "id") ?? "", level: text(alert, "rule", "level") ?? "" };
    const isEcho = text(alert, "data", "misp", "finding_id") !== undefined;
    if (isEcho) this.#seen.echo = found;
    else this.#seen.alert ??= { ...found, file };
  }

  /** What is known of a hop; undefined: nothing yet. `late`: there is no more time. */
  #next(hop: HopName | undefined, late: boolean): Hop | undefined {
    switch (hop) {
      case "alert":
        return this.#alertHop(late);
      case "read":
        return this.#readHop(late);
      case "matched":
        return this.#matchedHop(late);
      case "delivered":
        return this.#deliveredHop(late);
      case "rule":
        return this.#ruleHop(late);
      default:
        return undefined;
    }
  }

  #alertHop(late: boolean): Hop | undefined {
    const { alert, trace, unreadable } = this.#seen;
    if (alert !== undefined)
      return ok("alert", `written by rule ${alert.rule}, level ${alert.level}`, {
        rule: alert.rule,
        level: alert.level,
        file: alert.file,
      });
    // Tipline may be the faster reader of the two.
    const { clock } = this.#options;
    if (trace !== undefined && (late || clock.now() - (this.#seen.tracedAt ?? 0) >= SETTLE_MS))
      return unknown("alert", "read by Tipline, not seen here");
    if (!late) return undefined;
    const { lacks, files } = this.#options;
    if (unreadable !== undefined)
      return failed(
        "alert",
        `its alert could not be looked for: ${unreadable}`,
        "run as a user that may read the alerts",
      );
    const advice =
      lacks === undefined
        ? "is wazuh-analysisd running, and is its log_alert_level at most the rule's? Run `tipline doctor wazuh`"
        : `a stock manager lacks ${lacks}: run \`tipline install wazuh --visibility\`; then \`tipline doctor wazuh\``;
    return failed("alert", `no alert in ${files.join(", ") || "any file"}`, advice);
  }

  #readHop(late: boolean): Hop | undefined {
    const { trace, runs, unread, alert } = this.#seen;
    const source = text(trace, "source");
    if (source !== undefined) return ok("read", `by source ${source}`, { source });
    if (alert !== undefined && runs && this.#isSilent()) return ok("read", "everything written is read");
    if (!late) return undefined;
    if (!runs) return failed("read", "no Tipline is running on this state", "start it: `tipline run`");
    if (unread === 0) return ok("read", "everything written is read");
    const left = unread === undefined ? "the sources have not found their files" : `${unread} bytes are not read yet`;
    return failed("read", left, "run `tipline doctor wazuh`; see tipline_source_lag_bytes");
  }

  #isSilent(): boolean {
    const { idleSince } = this.#seen;
    return idleSince !== undefined && this.#options.clock.now() - idleSince >= SILENT_MS;
  }

  #matchedHop(late: boolean): Hop | undefined {
    const { trace } = this.#seen;
    if (trace !== undefined) {
      const { finding_id, score, band, suppressed, warninglist } = trace;
      const why = suppressed === true ? `, explained away by ${String(warninglist)}` : "";
      return ok("matched", `finding ${String(finding_id)}, score ${String(score)} (${String(band)})${why}`, {
        finding_id: finding_id ?? null,
        score: score ?? null,
        band: band ?? null,
      });
    }
    if (!late && !this.#isSilent()) return undefined;
    const { unmatched } = this.#options;
    if (unmatched !== undefined)
      return failed("matched", unmatched, "run `tipline lookup` on the value, and `tipline sync`");
    const advice = this.#readsFile()
      ? "give its alert to `tipline explain`; the running line may have another generation"
      : "no source of the configuration reads this file";
    return failed("matched", "the running Tipline has no finding of it", advice);
  }

  #readsFile(): boolean {
    const { alert } = this.#seen;
    return alert === undefined || alertFiles(this.#options.config).includes(alert.file);
  }

  #deliveredHop(late: boolean): Hop | undefined {
    const delivered = list(this.#seen.trace?.["delivered"]);
    const queue = returnSink(this.#options.config);
    if (delivered.length > 0 && (queue === undefined || delivered.includes(queue) || late))
      if (queue === undefined || delivered.includes(queue))
        return ok("delivered", `to ${delivered.join(", ")}`, { sinks: delivered });
    if (!late) return undefined;
    const score = Number(text(this.#seen.trace, "score"));
    const sink = this.#options.config.sinks.find(({ name }) => name === queue);
    if (sink !== undefined && score < sink.common.min_score)
      return failed(
        "delivered",
        `sink ${sink.name} leaves out findings below score ${sink.common.min_score}`,
        "lower its min_score, or name another --value",
      );
    return failed(
      "delivered",
      queue === undefined ? "no sink took it" : `sink ${queue} did not take it`,
      "see /healthz and `tipline doctor wazuh`",
    );
  }

  #ruleHop(late: boolean): Hop | undefined {
    const { echo, trace } = this.#seen;
    const { config } = this.#options;
    const sink = returnSink(config);
    if (sink === undefined) return unknown("rule", "no sink of type wazuh: nothing goes back into Wazuh");
    const told = trace?.["rule"];
    const rule = echo?.rule ?? text(told, "id");
    if (rule !== undefined)
      return ok("rule", `rule ${rule} of level ${echo?.level ?? text(told, "level") ?? "?"} fired`, {
        rule,
        level: echo?.level ?? text(told, "level") ?? null,
      });
    if (!late) return undefined;
    if (queueSink(config) === undefined)
      return unknown(
        "rule",
        `sent by sink ${sink}, and no alert of it was seen here`,
        "if this host reads that manager's alerts: run `tipline install wazuh --api` there",
      );
    return failed(
      "rule",
      "the finding was sent and no alert came of it",
      "Tipline's rules are not loaded: run `tipline install wazuh`, then `tipline doctor wazuh`",
    );
  }
}

/** Files that the configuration's sources of Wazuh's alerts read. */
export function alertFiles({ sources }: Pick<Config, "sources">): readonly string[] {
  return sources
    .filter(({ definition }) => definition.type === "wazuh-alerts")
    .map(({ settings }) => (settings as { readonly path: string }).path);
}

function unreadBytes(value: JsonValue | undefined, names: readonly string[]): number | undefined {
  if (!isJsonObject(value)) return undefined;
  const known = names.map((name) => value[name]).filter((bytes) => typeof bytes === "number");
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
}

function list(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function ok(hop: HopName, found: string, details?: JsonObject): Hop {
  return { hop, status: "ok", found, advice: "", ...(details === undefined ? {} : { details }) };
}

function unknown(hop: HopName, found: string, advice = ""): Hop {
  return { hop, status: "unknown", found, advice };
}

function failed(hop: HopName, found: string, advice: string): Hop {
  return { hop, status: "failed", found, advice };
}
