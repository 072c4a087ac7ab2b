import { join } from "node:path";
import type { TestContext } from "node:test";
import type { LiveGeneration } from "../../src/app/generation.ts";
import { type Judging, judgingBy } from "../../src/app/judging.ts";
import { NO_OWN_ASSETS } from "../../src/intel/policy.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { ReportedIndicator } from "../../src/model/indicator.ts";
import { openGenerations } from "../../src/store/generations.ts";
import { tempDir } from "./temp.ts";

export interface ListGeneration {
  /** Of the test; the store is in a folder of it. */
  readonly dir: string;
  /** How threads come to the same judgement. */
  readonly judging: Judging;
  readonly live: LiveGeneration;
}

/** A generation of one pull of one feed, in a store on disk that threads can share; nothing in it expires. */
export async function listGeneration(
  t: TestContext,
  indicators: readonly ReportedIndicator[],
): Promise<ListGeneration> {
  const dir = tempDir(t);
  const store = openGenerations({ dir: join(dir, "generations"), log: silentLog });
  t.after(() => store.close());
  async function* pages() {
    yield { indicators, withdrawnEvents: [], skipped: new Map(), refused: [] };
  }
  await store.update({ changes: [{ feed: "list", pull: { mode: "full", pages: pages(), cursor: () => 1 } }] });
  const judging: Judging = { own: NO_OWN_ASSETS, config: undefined, always: true };
  return { dir, judging, live: judgingBy(store, judging, silentLog) };
}
