import { basename } from "node:path";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { RULES_FILES } from "./wazuh/plan-rules-order.ts";
import { type CatalogRule, loadRules, type RuleCatalog } from "./wazuh/rule-catalog.ts";
import { type LoadedRules, loadedRules } from "./wazuh/rule-catalog-checks.ts";
import { DEFAULT_BLOCK, type RuleName, ruleIds } from "./wazuh/rules.ts";

/** The rules as the files have them; what analysisd runs with may be older. */
export interface RuleFacts {
  readonly catalog: RuleCatalog;
  readonly loaded: LoadedRules;
  /** The file that counts as ours, relative to the prefix: Tipline's own, else the first that defines 100622; none where there is none. */
  readonly ours: readonly string[];
  /** Ids that it defines. */
  readonly ids: ReadonlySet<number>;
  /** Ids by what the rules are for; undefined: this file is not Tipline's and has no such rule. */
  readonly idOf: (name: RuleName) => number | undefined;
}

/** Those that never move are the same whatever the block. */
export const IDS = ruleIds(DEFAULT_BLOCK);

const READ = new WeakMap<WazuhFacts, RuleFacts>();

/** Reads some 180 files, once for each examination. */
export function readRules(facts: WazuhFacts): RuleFacts {
  const rules = READ.get(facts) ?? readAll(facts);
  READ.set(facts, rules);
  return rules;
}

function readAll(facts: WazuhFacts): RuleFacts {
  const reading = facts.conf();
  if (reading.status !== "read") throw new Error(reading.message);
  const { user } = facts.installation();
  const catalog = loadRules(facts.installation(), reading.conf, { reader: user });
  const loaded = loadedRules(catalog);
  const ours = oursOf(catalog, loaded);
  const rules = catalog.rules.filter(({ file }) => file === ours);
  const ids = new Set(rules.map(({ id }) => id));
  const names = namedIds(rules);
  const whole = ours !== undefined && isOurName(ours);
  return {
    catalog,
    loaded,
    ours: ours === undefined ? [] : [ours],
    ids,
    idOf: (name) => (whole || ids.has(names[name]) ? names[name] : undefined),
  };
}

/** Where a file of Tipline's is there, another one with its ids is a stranger, whatever it defines. */
function oursOf({ files, rules }: RuleCatalog, { byId }: LoadedRules): string | undefined {
  const own = files.filter(isOurName);
  const first = rules.find(({ id, overwrite }) => id === IDS.match && !overwrite)?.file;
  return own.length === 0 ? first : (own.find((file) => byId.get(IDS.parent)?.file === file) ?? own[0]);
}

export const isOurName = (file: string): boolean => RULES_FILES.includes(basename(file));

/** By the rule for canaries, which moves with the block and is the only one that looks at this field. */
function namedIds(rules: readonly CatalogRule[]): Readonly<Record<RuleName, number>> {
  const root = rules.find(({ fields }) => fields.some(({ name }) => name === "tipline_canary.id"));
  try {
    return root === undefined ? IDS : ruleIds(root.id - (IDS.canaryRoot - DEFAULT_BLOCK));
  } catch {
    // Somebody changed its id to one that is in no block.
    return IDS;
  }
}
