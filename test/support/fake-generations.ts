import type { QuarantinedIndicator, ReportedIndicator } from "../../src/model/indicator.ts";
import type { JsonValue } from "../../src/model/json.ts";
import type {
  FeedOutcome,
  GenerationStore,
  LoadedGeneration,
  UpdateRequest,
  UpdateResult,
} from "../../src/store/generations-types.ts";

interface Held {
  cursor: JsonValue;
  reports: ReportedIndicator[];
  partial: boolean;
}

/** Generations in memory, for tests of what stands before them. Follows the store's contract; holds nothing on disk. */
export class FakeGenerations implements GenerationStore {
  readonly held = new Map<string, Held>();
  updates = 0;
  overlapping = 0;
  failNext: Error | undefined;
  #busy = false;

  values(feed: string): readonly string[] {
    return (this.held.get(feed)?.reports ?? []).map(({ value }) => value as string).sort();
  }

  current(): LoadedGeneration | undefined {
    if (this.updates === 0) return undefined;
    const byFeed = Object.fromEntries([...this.held].map(([feed, { reports }]) => [feed, reports.length]));
    return { id: `g${this.updates}`, createdAt: 0, stats: { byFeed } } as unknown as LoadedGeneration;
  }

  cursor(feed: string): JsonValue | undefined {
    return this.held.get(feed)?.cursor;
  }

  feeds(): readonly string[] {
    return [...this.held.keys()];
  }

  partialFeeds(): readonly string[] {
    return [...this.held].filter(([, { partial }]) => partial).map(([feed]) => feed);
  }

  async update(request: UpdateRequest): Promise<UpdateResult> {
    if (this.#busy) this.overlapping++;
    this.#busy = true;
    try {
      const failure = this.failNext;
      this.failNext = undefined;
      if (failure) throw failure;
      const feeds: FeedOutcome[] = [];
      for (const change of request.changes)
        feeds.push(await this.#apply(change.feed, change.pull, request.confirmShrink ?? []));
      for (const feed of request.removedFeeds ?? []) {
        feeds.push({ ...none(feed), status: "removed", reportsBefore: this.held.get(feed)?.reports.length ?? 0 });
        this.held.delete(feed);
      }
      const changed = feeds.some(({ status }) => status === "applied" || status === "removed");
      if (changed) this.updates++;
      return { generation: `g${this.updates}`, changed, compacted: false, feeds };
    } finally {
      this.#busy = false;
    }
  }

  async #apply(
    feed: string,
    pull: UpdateRequest["changes"][number]["pull"],
    confirmed: readonly string[],
  ): Promise<FeedOutcome> {
    const before = this.held.get(feed)?.reports ?? [];
    try {
      const withdrawn = new Set<string>();
      const added: ReportedIndicator[] = [];
      for await (const page of pull.pages) {
        for (const event of page.withdrawnEvents) withdrawn.add(event);
        added.push(...page.indicators);
      }
      const kept = pull.mode === "full" ? [] : before.filter(({ report }) => !withdrawn.has(report.event.uuid));
      const after = [...kept, ...added];
      const outcome = { ...none(feed), reportsBefore: before.length, reportsAfter: after.length, added: added.length };
      if (after.length < before.length * 0.7 && !confirmed.includes(feed))
        return { ...outcome, status: "held", reportsAfter: before.length };
      const partial = pull.more === undefined ? this.partialFeeds().includes(feed) : pull.more();
      this.held.set(feed, {
        cursor: pull.cursor(),
        reports: after,
        partial: partial && !(pull.mode === "full" && !pull.more),
      });
      return { ...outcome, status: "applied" };
    } catch (error) {
      return {
        ...none(feed),
        status: "failed",
        reportsBefore: before.length,
        reportsAfter: before.length,
        error: error as Error,
      };
    }
  }

  quarantine(): Iterable<QuarantinedIndicator> {
    return [];
  }
  refresh(): boolean {
    return false;
  }
  verify(): readonly string[] {
    return [];
  }
  close(): void {
    this.held.clear();
  }
}

const none = (feed: string) => ({
  feed,
  reportsBefore: 0,
  reportsAfter: 0,
  added: 0,
  skipped: new Map<string, number>(),
  quarantined: 0,
});
