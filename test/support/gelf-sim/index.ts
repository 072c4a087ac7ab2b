import { type Decoded, type FieldContent, storedFields } from "./decoder.ts";

export type Mapping = "keyword" | "long" | "double" | "date" | "text";

const MAX_KEYWORD_BYTES = 32_766;
const MOST_FIELDS = 1000;
/** Fields with a mapping of their own in Graylog's template. */
const TEMPLATE: readonly (readonly [string, Mapping])[] = [
  ["message", "text"],
  ["full_message", "text"],
  ["timestamp", "date"],
  ["source", "text"],
];

/**
 * An index with dynamic mapping as Graylog's template leaves it: the first message decides what a field is, and a message that does not
 * fit is refused whole.
 */
export class SimIndex {
  readonly mapping = new Map<string, Mapping>(TEMPLATE);
  readonly documents: ReadonlyMap<string, FieldContent>[] = [];
  /** Messages refused, and why. */
  readonly failures: string[] = [];

  add(decoded: Decoded): void {
    const failure = this.#take(storedFields(decoded));
    if (failure !== undefined) this.failures.push(failure);
  }

  #take(fields: ReadonlyMap<string, FieldContent>): string | undefined {
    const fresh = new Map<string, Mapping>();
    for (const [name, value] of fields) {
      const known = this.mapping.get(name);
      const mapping = known ?? guessed(value);
      if (known === undefined) fresh.set(name, mapping);
      const problem = misfit(mapping, value);
      if (problem !== undefined) return `${name}: ${problem}`;
    }
    if (this.mapping.size + fresh.size > MOST_FIELDS) return `more than ${MOST_FIELDS} fields`;
    for (const [name, mapping] of fresh) this.mapping.set(name, mapping);
    this.documents.push(fields);
    return undefined;
  }
}

function guessed(value: FieldContent): Mapping {
  if (typeof value === "bigint") return "long";
  if (typeof value === "number") return Number.isInteger(value) ? "long" : "double";
  return isDate(value) ? "date" : "keyword";
}

function misfit(mapping: Mapping, value: FieldContent): string | undefined {
  if (mapping === "keyword" && Buffer.byteLength(String(value)) > MAX_KEYWORD_BYTES) return "immense term";
  if (mapping === "long" && !/^-?\d+(?:\.\d+)?$/.test(String(value)))
    return `failed to parse "${String(value).slice(0, 40)}" as long`;
  if (mapping === "double" && !Number.isFinite(Number(value))) return "failed to parse as double";
  if (mapping === "date" && typeof value === "string" && !isDate(value) && !/^-?\d+$/.test(value))
    return `failed to parse date field [${value.slice(0, 40)}]`;
  return undefined;
}

/** `strict_date_optional_time` and `yyyy/MM/dd[ HH:mm:ss[ Z]]`; what is a pure number is not detected. */
function isDate(value: string): boolean {
  const iso =
    /^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(?:\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/.exec(
      value,
    );
  const slashed = /^(\d{4})\/(\d\d)\/(\d\d)(?: \d\d:\d\d:\d\d(?: (?:Z|[+-]\d{4}))?)?$/.exec(value);
  const found = iso ?? slashed;
  if (found === null || /^\d+$/.test(value)) return false;
  const [month, day] = [Number(found[2] ?? 1), Number(found[3] ?? 1)];
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
