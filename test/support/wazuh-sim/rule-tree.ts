import { type LoadMessage, message, type RuleNode, type SimRule } from "./rule.ts";

/** Rules as analysisd hangs them together while it loads: a child must find its parent among those that are there already. */
export class RuleTree {
  readonly roots: RuleNode[] = [];
  readonly #byId = new Map<number, SimRule>();
  readonly #nodes = new Map<number, RuleNode[]>();

  get size(): number {
    return this.#byId.size;
  }

  rule(id: number): SimRule | undefined {
    return this.#byId.get(id);
  }

  rules(): Iterable<SimRule> {
    return this.#byId.values();
  }

  /** Adds, overwrites or ignores; says what the log would say. */
  add(rule: SimRule): LoadMessage[] {
    const before = this.#byId.get(rule.id);
    if (rule.overwrite && before !== undefined) {
      overwrite(before, rule);
      return [];
    }
    const warnings: LoadMessage[] = rule.overwrite
      ? [
          message(
            "WARNING",
            7613,
            `Rule ID '${rule.id}' does not exist but 'overwrite' is set to 'yes'. Still, the rule will be loaded.`,
          ),
        ]
      : [];
    const parents = this.#parents(rule, warnings);
    if (parents === undefined) return warnings;
    this.#byId.set(rule.id, rule);
    for (const siblings of parents) {
      const node: RuleNode = { rule, children: [] };
      insert(siblings, node);
      this.#nodes.set(rule.id, [...(this.#nodes.get(rule.id) ?? []), node]);
    }
    return warnings;
  }

  /** The lists of children to hang into; undefined: the rule is ignored. */
  #parents(rule: SimRule, warnings: LoadMessage[]): RuleNode[][] | undefined {
    if (rule.id < 10) return [this.roots];
    if (rule.ifSid.length > 0) return this.#bySid(rule, warnings);
    const found =
      rule.ifLevel !== undefined
        ? this.#all().filter((node) => order(node.rule) >= rule.ifLevel! * 100)
        : rule.ifGroup !== undefined
          ? this.#all().filter((node) => wordMatch(rule.ifGroup!, node.rule.group))
          : this.roots.filter((node) => node.rule.category === rule.category).slice(0, 1);
    if (found.length > 0) return found.map((node) => node.children);
    const end = `Rule '${rule.id}' will be ignored.`;
    if (rule.ifLevel !== undefined)
      warnings.push(message("WARNING", 7608, `Level ID '${rule.ifLevel}' was not found. Invalid 'if_level'. ${end}`));
    else if (rule.ifGroup !== undefined)
      warnings.push(message("WARNING", 7610, `Group '${rule.ifGroup}' was not found. Invalid 'if_group'. ${end}`));
    else warnings.push(message("WARNING", 7611, `Category was not found. Invalid 'category'. ${end}`));
    return undefined;
  }

  /** Under the first node of each id: a rule with several parents has several nodes, and only the first gets children. */
  #bySid(rule: SimRule, warnings: LoadMessage[]): RuleNode[][] | undefined {
    const { ifMatchedSid } = rule;
    // Counting alone, without a parent of its own: another message [source: analysisd_messages.h].
    if (ifMatchedSid !== undefined && rule.ifSid.join() === String(ifMatchedSid) && !this.#nodes.has(ifMatchedSid)) {
      const text = `Signature ID '${ifMatchedSid}' was not found. Invalid 'if_matched_sid'.Rule '${rule.id}' will be ignored.`;
      warnings.push(message("WARNING", 7620, text));
      return undefined;
    }
    const parents: RuleNode[][] = [];
    for (const sid of rule.ifSid) {
      const node = this.#nodes.get(sid)?.[0];
      if (node !== undefined) {
        // Parent and child must be of one category [source: rules_list.c].
        rule.category = node.rule.category;
        parents.push(node.children);
      } else
        warnings.push(
          message(
            "WARNING",
            7617,
            `Signature ID '${sid}' was not found and will be ignored in the 'if_sid' option of rule '${rule.id}'.`,
          ),
        );
    }
    if (parents.length > 0) return parents;
    warnings.push(message("WARNING", 7619, `Empty 'if_sid' value. Rule '${rule.id}' will be ignored.`));
    return undefined;
  }

  #all(): RuleNode[] {
    return [...this.#nodes.values()].flat();
  }
}

/** Level 0 is tried first, then the higher levels before the lower; equals in the order of loading. */
function order(rule: SimRule): number {
  return (rule.level === 0 ? 99 : rule.level) * (rule.accuracy ? 100 : 1);
}

function insert(siblings: RuleNode[], node: RuleNode): void {
  const at = siblings.findIndex((sibling) => order(node.rule) > order(sibling.rule));
  if (at < 0) siblings.push(node);
  else siblings.splice(at, 0, node);
}

/** Place and parents stay; so do if_sid, if_group and the like (7605). */
function overwrite(before: SimRule, rule: SimRule): void {
  const { ifSid, ifGroup, ifLevel, ifMatchedSid, ifMatchedGroup, category, ...rest } = rule;
  Object.assign(before, rest);
}

/** `a|b` as substrings, whatever the case. */
export function wordMatch(pattern: string, text: string): boolean {
  return pattern.split("|").some((word) => text.toLowerCase().includes(word.trim().toLowerCase()));
}
