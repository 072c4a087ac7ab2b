import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import type { Echo } from "../pipeline/handle.ts";

/** How far a simulated event has come in a running line. */
interface Trace {
  readonly finding: Finding;
  /** Sinks that took it. */
  readonly delivered: Set<string>;
  /** The alert that came back. */
  rule?: { readonly id: string; readonly level: number };
}

const MOST = 200;

/** Follows the findings of simulated events, so that `tipline simulate` can say where one stopped. The latest ones only. */
export class Simulations {
  readonly #byMark = new Map<string, Trace>();

  found(mark: string, finding: Finding): void {
    const before = this.#byMark.get(mark);
    // An alert and its archived copy make the same finding.
    if (before?.finding.id === finding.id) return;
    this.#byMark.delete(mark);
    this.#byMark.set(mark, { finding, delivered: new Set() });
    for (const oldest of this.#byMark.keys()) {
      if (this.#byMark.size <= MOST) break;
      this.#byMark.delete(oldest);
    }
  }

  delivered(sink: string, findings: readonly Finding[]): void {
    for (const { mode, id } of findings) if (mode === "simulated") this.#of(id)?.delivered.add(sink);
  }

  echoed({ rule }: Echo, findingId: string): void {
    const trace = this.#of(findingId);
    if (trace !== undefined && rule !== undefined) trace.rule = { id: rule.id, level: rule.level };
  }

  /** For the control socket: what is known of a mark, or null. */
  trace(mark: string): JsonValue {
    const trace = this.#byMark.get(mark);
    if (trace === undefined) return null;
    const { id, misp, suppressed, alert } = trace.finding;
    return {
      finding_id: id,
      score: misp.score,
      band: misp.band,
      suppressed,
      value: misp.value,
      warninglist: misp.warninglist ?? null,
      source: alert.source,
      delivered: [...trace.delivered],
      rule: trace.rule ?? null,
    };
  }

  #of(findingId: string): Trace | undefined {
    for (const trace of this.#byMark.values()) if (trace.finding.id === findingId) return trace;
    return undefined;
  }
}
