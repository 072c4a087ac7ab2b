import { formatCount } from "../lib/units.ts";
import { type Check, fail, ok, skip, warn } from "./checks.ts";
import type { Hop } from "./doctor-line-walk.ts";
import { managerCommand } from "./doctor-wazuh-control.ts";
import { counter, rise, type Sample, type WazuhFacts, wroteCounters } from "./doctor-wazuh-facts.ts";

export const EVENTS_PROCESSED = "events processed";

/** Counters that rise when anything at all is taken out of a queue of wazuh-analysisd. */
const WORK = /^(?:events_processed|[a-z_]+_events_decoded|[a-z_]+_messages_dispatched)$/;
/** Of its queue, 0 to 1. */
const NEARLY_FULL = 0.9;
/** Before 4.4 the counters are those of the last interval alone. */
const SINCE_MINOR = 4;

/** Whether what comes in is worked on: wazuh-analysisd may listen, take events, and stand still. */
export function engineHop(facts: WazuhFacts): Hop {
  return {
    name: EVENTS_PROCESSED,
    needs: ["analysisd", "events dropped"],
    look: async (_, signal) => [await processed(facts, signal)],
  };
}

async function processed(facts: WazuhFacts, signal: AbortSignal): Promise<Check> {
  const name = EVENTS_PROCESSED;
  const { version } = facts.installation();
  if (version !== undefined && version.major === 4 && version.minor < SINCE_MINOR)
    return skip(name, "this manager's counters begin anew with each writing");
  const first = await facts.samples(signal);
  const received = rise(first, "events_received");
  const done = work(first);
  if (received === undefined || done === undefined || !wroteCounters(first)) return skip(name, "not counted");
  if (received > 0 && done === 0) {
    // What came last may have been counted a moment before it was worked on: the next writing tells.
    const second = await facts.next(first[1], signal);
    if (wroteCounters(second) && work(second) === 0)
      return (
        limited(facts) ??
        fail(
          name,
          `wazuh-analysisd stands still: ${formatCount(received)} events came within seconds, and none was processed`,
          managerCommand(facts.paths, "restart"),
        )
      );
  }
  const usage = Math.min(...first.map((sample) => counter(sample, "event_queue_usage") ?? 0));
  if (usage >= NEARLY_FULL)
    return warn(
      name,
      `the event queue of wazuh-analysisd is ${Math.floor(usage * 100)}% full: what comes in waits, and will be dropped`,
      "lower `rate` of the sink of type wazuh, or give analysisd larger queues in etc/local_internal_options.conf (analysisd.decode_event_queue_size=131072) and restart the manager",
    );
  return ok(name, `${formatCount(counter(first[1], "events_processed") ?? 0)} since wazuh-analysisd was started`);
}

/** With a limit of events a second analysisd rests on purpose until its time frame is over. */
function limited(facts: WazuhFacts): Check | undefined {
  const reading = facts.conf();
  const maximum = reading.status === "read" ? reading.conf.last("global", "limits", "eps", "maximum") : undefined;
  if (!(Number(maximum) > 0)) return undefined;
  return warn(
    EVENTS_PROCESSED,
    `<limits><eps> allows ${Number(maximum)} events a second, and more come in: wazuh-analysisd holds them back, and findings with them`,
    `in ${facts.paths.ossecConf}: a higher <maximum> in <limits><eps>, then ${managerCommand(facts.paths, "restart")}`,
  );
}

/** What was worked on between two looks; undefined where nothing of it is counted. */
function work(both: readonly [Sample, Sample]): number | undefined {
  const { state } = both[1];
  const names = state.status === "read" ? [...state.state.values.keys()].filter((name) => WORK.test(name)) : [];
  const rises = names.flatMap((name) => rise(both, name) ?? []);
  return rises.length === 0 ? undefined : rises.reduce((sum, more) => sum + more, 0);
}
