import { createHash } from "node:crypto";
import type { StageOutput } from "../../src/contract/stage.ts";
import type { Finding, MispBlock } from "../../src/model/finding.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { type StormOptions, stormControl } from "../../src/stages/storm.ts";
import { makeFinding } from "./finding.ts";

export const derive = (parts: readonly string[]) =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);

/** A finding of an indicator on an entity at a minute of the day. */
export function seen(
  n: number,
  indicator: string,
  entity: string,
  minute: number,
  change: {
    source?: string;
    band?: MispBlock["band"];
    score?: number;
    suppressed?: boolean;
    mode?: "live" | "retro";
    list?: string;
  } = {},
): Finding {
  const base = makeFinding(n);
  const { source = "alerts", band = "high", score = 70, suppressed = false, mode = "live", list } = change;
  return {
    ...base,
    mode,
    suppressed,
    score,
    key: { indicator, entity },
    alert: { ...base.alert, source, time: Date.parse("2026-11-21T00:00:00Z") + minute * 60_000 },
    misp: { ...base.misp, band, score: String(score), ...(list === undefined ? {} : { warninglist: list }) },
  };
}

/** A storm control whose state goes through JSON as it would through the journal, and that can be restarted from it. */
export class StormRun {
  readonly state = new Map<string, JsonValue>();
  readonly out: Finding[] = [];
  readonly #options: StormOptions;
  #stage: ReturnType<typeof stormControl>;

  constructor(options: Partial<StormOptions> = {}) {
    this.#options = { derive, ...options };
    this.#stage = stormControl(this.#options);
  }

  take(findings: readonly Finding[]): Finding[] {
    return this.#apply(this.#stage.process(findings));
  }

  tick(minute: number): Finding[] {
    return this.#apply(this.#stage.tick(Date.parse("2026-11-21T00:00:00Z") + minute * 60_000));
  }

  flush(): Finding[] {
    return this.#apply(this.#stage.tick(Number.MAX_SAFE_INTEGER));
  }

  restart(): void {
    this.#stage = stormControl(this.#options);
    this.#stage.restore(JSON.parse(JSON.stringify([...this.state])));
  }

  #apply({ out, changed }: StageOutput): Finding[] {
    for (const [key, value] of changed) {
      if (value === undefined) this.state.delete(key);
      else this.state.set(key, JSON.parse(JSON.stringify(value)));
    }
    this.out.push(...out);
    return [...out];
  }
}

/** `alert f1`, `repeats x3`, `spread 21`: what went out, in words. */
export function told(findings: readonly Finding[]): string[] {
  return findings.map(({ kind, id, misp }) => {
    const quiet = misp.quiet === undefined ? "" : " quiet";
    if (kind === "alert") return `alert ${Number(id.slice(1))}${quiet}`;
    return kind === "repeats" ? `repeats ${misp.repeat_count}${quiet}` : `spread ${misp.entities_count}`;
  });
}
