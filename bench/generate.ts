import type { EventContext, IndicatorPattern, IndicatorType, ReportedIndicator } from "../src/model/indicator.ts";
import type { CanonicalValue } from "../src/model/observable.ts";
import { FAMILIES, type Family, RULE, type Subject } from "./alert-families.ts";
import { hex, pick, publicAddress, randomNumbers, TLDS, word } from "./random.ts";

interface Value {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: string;
}

/** Indicator `number` of a seeded index: 40% hashes, 25% domains, 15% IPv4, 15% URLs, 5% file names. */
export function indicatorValue(number: number, seed = 1): Value {
  const random = randomNumbers(Math.imul(number + 1, 0x9e3779b1) ^ seed);
  const kind = number % 20;
  if (kind < 8) {
    const [type, length] = pick(random, [
      ["md5", 32],
      ["sha1", 40],
      ["sha256", 64],
    ] as const);
    return { type, pattern: "exact", value: hex(random, length) };
  }
  const host = () => `${word(random, 6 + Math.floor(random() * 9))}.${pick(random, TLDS)}`;
  if (kind < 13) return { type: "domain", pattern: kind < 11 ? "subdomains" : "exact", value: host() };
  if (kind < 16) return { type: "ip", pattern: "exact", value: publicAddress(random) };
  if (kind < 19)
    return { type: "url", pattern: "exact", value: `http://${host()}/${word(random, 5)}/${word(random, 8)}.php` };
  return { type: "filename", pattern: "exact", value: `${word(random, 9)}.exe` };
}

const PER_EVENT = 500;

/** `count` indicators as a feed would hand them over. */
export function* indicators(count: number, seed = 1, feed = "bench"): Generator<ReportedIndicator> {
  let event: EventContext | undefined;
  for (let number = 0; number < count; number++) {
    if (event === undefined || number % PER_EVENT === 0) event = eventOf(number / PER_EVENT);
    const { type, pattern, value } = indicatorValue(number, seed);
    yield {
      type,
      pattern,
      value: value as CanonicalValue,
      report: {
        feed,
        event,
        attributeUuid: `6f000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
        attributeType: type,
        category: "Network activity",
        attributeValue: value,
        toIds: true,
        weak: false,
        tags: [],
        timestamp: 1_700_000_000,
      },
    };
  }
}

function eventOf(number: number): EventContext {
  return {
    uuid: `5f000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    info: `Campaign ${number}`,
    orgc: "ORGNAME",
    date: "2026-11-01",
    threatLevel: 2,
    tags: ["tlp:green"],
  };
}

export interface AlertOptions {
  readonly seed?: number;
  /** Values are drawn from the first so many indicators; 0: none is. */
  readonly known?: number;
  /** Share of lines for which one is drawn, whether or not an alert of that family has a field for it. */
  readonly share?: number;
  /** In place of `share`: share of lines that carry one, in a family that has a field for it. */
  readonly carrying?: number;
}

/** Alerts as lines, about 2 KB each, of every family alike. */
export function* alertLines(count: number, options: AlertOptions = {}): Generator<string> {
  const { seed = 7, share = 0.01, carrying, known = 0 } = options;
  const random = randomNumbers(seed);
  for (let number = 0; number < count; number++) {
    let family = pick(random, FAMILIES);
    let subject: Subject = {
      ip: publicAddress(random).replace(/^\d+/, String(100 + Math.floor(random() * 90))),
      host: `${word(random, 8)}-${word(random, 3)}.${pick(random, TLDS)}`,
      md5: hex(random, 32),
      sha1: hex(random, 40),
      sha256: hex(random, 64),
      file: `setup_${word(random, 5)}.exe`,
      url: `https://${word(random, 7)}-${word(random, 4)}.${pick(random, TLDS)}/${word(random, 7)}`,
    };
    if (known > 0 && random() < (carrying ?? share)) {
      const listed = indicatorValue(Math.floor(random() * known));
      subject = withIndicator(subject, listed);
      if (carrying !== undefined) family = pick(random, familiesFor(listed));
    }
    yield JSON.stringify({
      timestamp: "2026-11-21T10:11:12.123+0000",
      rule: RULE,
      agent: { id: "007", name: `ws-${number % 500}`, ip: "10.9.8.7" },
      manager: { name: "wazuh-manager" },
      id: `1795255872.${number * 1_731}`,
      cluster: { name: "wazuh", node: "node01" },
      input: { type: "log" },
      decoder: { parent: "windows", name: "windows_eventchannel" },
      ...family(random, subject),
    });
  }
}

function withIndicator(subject: Subject, { type, value }: Pick<Value, "type" | "value">): Subject {
  return { ...subject, [MEMBERS[type] ?? "file"]: value };
}

/** Where an alert has room for values of a type. */
const MEMBERS: Readonly<Partial<Record<IndicatorType, keyof Subject>>> = {
  ip: "ip",
  domain: "host",
  md5: "md5",
  sha1: "sha1",
  sha256: "sha256",
  url: "url",
  filename: "file",
};
const MARK = "mark-of-a-value";
const families = new Map<string, readonly Family[]>();

/** Families of alerts that name a value of this type, and by itself where its subdomains do not count. */
function familiesFor({ type, pattern }: Value): readonly Family[] {
  const key = `${type} ${pattern}`;
  const known = families.get(key);
  if (known !== undefined) return known;
  const marked = { ip: "", host: "", md5: "", sha1: "", sha256: "", file: "", url: "" };
  const subject = withIndicator(marked, { type, value: MARK });
  const named = new RegExp(`${type === "domain" && pattern === "exact" ? "[^.]" : ""}${MARK}`);
  const found = FAMILIES.filter((family) => named.test(JSON.stringify(family(randomNumbers(1), subject))));
  families.set(key, found);
  return found;
}
