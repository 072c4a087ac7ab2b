import type { PipelineEvents } from "../pipeline/events.ts";
import { noEvents } from "../pipeline/events.ts";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";

/** Turns what happens in the pipeline into metrics and health. */
export function countEvents(
  metrics: Metrics,
  health: Health,
  onCommitted?: (source: string, records: number) => void,
): PipelineEvents {
  return {
    ...noEvents,
    committed(source, { records, fresh }) {
      health.journalWorks(source);
      health.sourceWorks(source);
      if (!fresh) {
        metrics.repeated.inc({ source });
        return;
      }
      metrics.alertsRead.inc({ source }, records);
      onCommitted?.(source, records);
    },
    sourceFailed(source, error) {
      health.sourceFailed(source, error);
    },
    staged(stage) {
      health.journalWorks(stage);
    },
    delivered(sink, count) {
      health.journalWorks(sink);
      metrics.delivered.inc({ sink }, count);
      health.sinkWorks(sink);
    },
    retried(sink, attempt, error) {
      metrics.retries.inc({ sink });
      // One failed attempt is weather; the third in a row is a trouble.
      if (attempt >= 3) health.sinkFailed(sink, error);
    },
    deadLettered(component, count) {
      metrics.deadLetters.inc({ component }, count);
    },
    journalFailed(who, error) {
      health.journalFailed(who, error);
    },
    unconfirmed(sink, count) {
      health.gaveUp(sink, count);
    },
  };
}
