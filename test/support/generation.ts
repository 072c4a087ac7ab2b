import { baseName } from "../../src/intel/canonical.ts";
import type { Generation } from "../../src/intel/generation.ts";
import { type AllowEntry, createPolicy, NO_OWN_ASSETS, type OwnAssets } from "../../src/intel/policy.ts";
import { ALWAYS_STANDING, type Standing } from "../../src/intel/standing.ts";
import type { WarninglistHit } from "../../src/intel/warninglists.ts";
import type { Indicator, ReportedIndicator } from "../../src/model/indicator.ts";

/** A generation over a plain array: the naive oracle of lookups, for tests of what stands above the index. */
export function aGeneration(
  reported: readonly ReportedIndicator[],
  over: {
    readonly own?: Partial<OwnAssets>;
    readonly allow?: readonly AllowEntry[];
    readonly lists?: ReadonlyMap<string, readonly WarninglistHit[]>;
    readonly standing?: Partial<Standing>;
  } = {},
): Generation {
  const indicators = new Map<string, Indicator>();
  for (const { report, ...indicator } of reported) {
    const key = `${indicator.type}\n${indicator.pattern}\n${indicator.value}`;
    indicators.set(key, { ...indicator, reports: [...(indicators.get(key)?.reports ?? []), report] });
  }
  const all = [...indicators.values()];
  return {
    id: "g-test",
    createdAt: 0,
    index: {
      stats: {
        indicators: all.length,
        reports: reported.length,
        byType: {},
        byFeed: {},
        overlays: 0,
        quarantined: 0,
        memoryBytes: 0,
        contextBytes: 0,
      },
      lookup: (type, value) =>
        all.filter((indicator) => {
          if (indicator.type === type && indicator.value === value) return true;
          if (type === "domain" && indicator.type === "domain" && indicator.pattern === "subdomains")
            return value.endsWith(`.${indicator.value}`);
          return type === "path" && indicator.type === "filename" && baseName(value) === indicator.value;
        }),
      nominates: () => true,
      all: () => all,
      close: () => undefined,
    },
    warninglists: { count: 0, entries: 0, check: (_type, value) => over.lists?.get(value) ?? [] },
    policy: createPolicy({ ...NO_OWN_ASSETS, ...over.own }, over.allow ?? []),
    standing: { ...ALWAYS_STANDING, ...over.standing },
  };
}
