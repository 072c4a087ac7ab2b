/** Alerts with a case that the independent counters know them by, in shapes that Wazuh writes. */

export interface AlertOptions {
  /** Name that is looked up; default `host.<case>.tipline-kill.net`. */
  readonly name?: string;
  /** Number of the agent; default 1. */
  readonly agent?: number;
  /** Epoch milliseconds; default now. */
  readonly time?: number;
}

const pad = (n: number, width: number): string => String(n).padStart(width, "0");

/** `m-000123` */
export function caseName(kind: string, n: number): string {
  return `${kind}-${pad(n, 6)}`;
}

/** The indicator of a matching case: one of its own. */
export function indicatorOf(n: number): string {
  return `n${pad(n, 6)}.tipline-kill.net`;
}

/** A list of indicators, `from` to `to` − 1. */
export function indicatorList(count: number): string {
  return `${Array.from({ length: count }, (_, n) => indicatorOf(n)).join("\n")}\n`;
}

/** An alert that holds the indicator of its own number. */
export function matchingAlert(n: number, options: AlertOptions = {}): string {
  return alertLine(caseName("m", n), n, { name: `host.${indicatorOf(n)}`, ...options });
}

/** An alert that holds nothing of the list. */
export function quietAlert(n: number, options: AlertOptions = {}): string {
  return alertLine(caseName("q", n), n, { name: `host${n}.tipline-quiet.org`, ...options });
}

/** A line that is no JSON. */
export function brokenLine(n: number): string {
  return matchingAlert(n)
    .replaceAll(caseName("m", n), caseName("b", n))
    .slice(0, -9 - (n % 60));
}

/** A line over 1 MiB. */
export function oversizedLine(n: number): string {
  return `{"case":"${caseName("o", n)}","full_log":"${"x".repeat(1024 * 1024 + (n % 5000))}"}`;
}

function alertLine(name: string, n: number, { name: host = "", agent = 1, time = Date.now() }: AlertOptions): string {
  const id = pad(agent, 3);
  return JSON.stringify({
    timestamp: new Date(time).toISOString().replace("Z", "+0000"),
    rule: { level: 3, description: `Case ${name}`, id: "100160", firedtimes: 1, mail: false, groups: ["local"] },
    agent: { id, name: `host-${id}`, ip: `10.20.0.${agent % 250}` },
    manager: { name: "wazuh" },
    id: `${Math.floor(time / 1000)}.${n}`,
    decoder: { name: "json" },
    data: { case: name, ...SHAPES[n % SHAPES.length]!(host) },
    location: "/var/log/case.json",
  });
}

const SHAPES: readonly ((host: string) => object)[] = [
  (host) => ({ type: "dns", dns: { question: { name: host, type: "A" } } }),
  (host) => ({ win: { system: { eventID: "22" }, eventdata: { queryName: host, image: "C:\\\\Windows\\\\a.exe" } } }),
  (host) => ({ srcip: "10.1.2.3", url: `http://${host}/index.html`, id: "200" }),
];
