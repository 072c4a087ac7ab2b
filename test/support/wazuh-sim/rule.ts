import type { Expression } from "./expression.ts";

/** One rule as analysisd holds it. Numbers that XML gives are kept as given; `frequency` 3 means: fires on the third event. */
export interface SimRule {
  readonly id: number;
  /** 0 to 16. */
  level: number;
  /** False (`accuracy="0"`): after all siblings. */
  accuracy: boolean;
  noalert: boolean;
  frequency: number | undefined;
  /** Seconds. */
  timeframe: number;
  /** Seconds. */
  ignore: number;
  maxsize: number;
  overwrite: boolean;
  /** The group attribute and every `<group>`, as one text. */
  group: string;
  file: string;
  line: number;
  category: string;
  decodedAs: string | undefined;
  description: string;
  mitre: readonly string[];
  fields: readonly { readonly name: string; readonly expression: Expression }[];
  /** `match`, `regex`, `location` and the event's own fields, by element name. */
  expressions: ReadonlyMap<string, Expression>;
  ifSid: readonly number[];
  ifGroup: string | undefined;
  ifLevel: number | undefined;
  ifMatchedSid: number | undefined;
  ifMatchedGroup: string | undefined;
  sameFields: readonly string[];
  notSameFields: readonly string[];
  globalFrequency: boolean;
  options: ReadonlySet<string>;
  /** Has a part that the sim does not evaluate (a CDB list, a compiled rule, a time of day …): never fires. */
  unsupported: boolean;
}

export interface RuleNode {
  readonly rule: SimRule;
  readonly children: RuleNode[];
}

export interface LoadMessage {
  readonly level: "WARNING" | "ERROR" | "CRITICAL";
  readonly code: number | undefined;
  /** With its code in parentheses, as the log has it. */
  readonly text: string;
}

export const message = (level: LoadMessage["level"], code: number | undefined, text: string): LoadMessage => ({
  level,
  code,
  text: code === undefined ? text : `(${code}): ${text}`,
});

/** The groups as alerts list them. */
export function groupsOf(rule: SimRule): string[] {
  return rule.group
    .split(",")
    .map((group) => group.trim())
    .filter((group) => group !== "");
}
