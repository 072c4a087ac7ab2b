/** A list as Java prints it when its items are JSON nodes: `["a", "b"]`. */
export class JavaList {
  readonly #items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.#items = items;
  }
  toString(): string {
    return `[${this.#items.map((item) => JSON.stringify(item)).join(", ")}]`;
  }
}

/** A message between input and index, with the rules of Graylog's `Message.addField`. */
export class GraylogMessage {
  readonly fields = new Map<string, unknown>();
  /** Titles. */
  readonly streams = new Set<string>();
  constructor(fields: Readonly<Record<string, unknown>>) {
    for (const [name, value] of Object.entries(fields)) this.add(name, value);
  }

  add(name: string, value: unknown): void {
    if (!/^[\w.\-@]+$/.test(name)) return;
    if (name === "timestamp" && !(value instanceof Date))
      throw new Error("timestamp is not a date: Graylog up to 7.1 takes the current time instead");
    const kept = typeof value === "string" ? value.trim() : value;
    if (kept !== undefined && kept !== null && kept !== "") this.fields.set(name, kept);
  }

  remove(name: string): void {
    this.fields.delete(name);
  }
}

/** A keyword term is refused beyond it, and the message with it. */
const MAX_TERM = 32_766;
const TEXT_FIELDS = new Set(["message", "full_message"]);

/** The types that an index has given its fields; the first message that has a field decides. */
export class IndexMapping {
  readonly types = new Map<string, "keyword" | "long" | "date" | "boolean">();

  /** Why the index would refuse the message; empty when it takes it. */
  index({ fields }: GraylogMessage): readonly string[] {
    const faults: string[] = [];
    for (const [name, value] of fields) {
      if (TEXT_FIELDS.has(name)) continue;
      const type = this.types.get(name);
      if (type === undefined) this.types.set(name, detected(value));
      else if (!fits(value, type)) faults.push(`${name}: ${String(value).slice(0, 60)} is no ${type}`);
      if (typeof value === "string" && Buffer.byteLength(value) > MAX_TERM) faults.push(`${name}: too long`);
      if (typeof value === "object" && !(value instanceof Date)) faults.push(`${name}: not a scalar`);
    }
    return faults;
  }
}

/** Dates are detected in strings; numbers are not. */
function detected(value: unknown): "keyword" | "long" | "date" | "boolean" {
  if (value instanceof Date || (typeof value === "string" && isDate(value))) return "date";
  if (typeof value === "boolean") return "boolean";
  return typeof value === "number" ? "long" : "keyword";
}

function fits(value: unknown, type: string): boolean {
  if (type === "date") return detected(value) === "date";
  if (type === "long") return typeof value === "number" || /^-?\d+$/.test(String(value));
  return type === "keyword" || typeof value === "boolean";
}

/** strict_date_optional_time, and the two forms with slashes. */
function isDate(text: string): boolean {
  const iso = /^\d{4}-(\d\d)(?:-(\d\d)(?:T\d\d(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?)?$/.exec(
    text,
  );
  if (iso !== null) return Number(iso[1]) >= 1 && Number(iso[1]) <= 12 && Number(iso[2] ?? 1) <= 31;
  return /^\d{4}\/\d\d\/\d\d(?: \d\d:\d\d:\d\d)? [+-]?\w+$/.test(text);
}
