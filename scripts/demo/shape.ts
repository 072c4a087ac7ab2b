import { createHash } from "node:crypto";

/** The invented company's agents: id, name, address. The manager itself is 000 and has no address. */
export const AGENTS = {
  manager: { id: "000", name: "wazuh" },
  web: { id: "001", name: "web01", ip: "10.20.1.11" },
  mail: { id: "002", name: "mail01", ip: "10.20.1.13" },
  files: { id: "003", name: "files01", ip: "10.20.1.15" },
  dc: { id: "004", name: "DC01", ip: "10.20.2.5" },
  anna: { id: "005", name: "WS-ANNA", ip: "10.20.3.21" },
  bjorn: { id: "006", name: "WS-BJORN", ip: "10.20.3.22" },
  sensor: { id: "007", name: "sensor01", ip: "10.20.0.9" },
  firewall: { id: "008", name: "fwrelay01", ip: "10.20.0.2" },
} as const;
export type AgentKey = keyof typeof AGENTS;

/** An alert without what only its place in the file decides (timestamp, id, firedtimes). */
export interface Shape {
  readonly agent: AgentKey;
  readonly rule: string;
  readonly description?: string;
  readonly body: (time: Date, serial: number) => Record<string, unknown>;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
export const clock = (time: Date) => time.toISOString().slice(11, 19);
const syslogTime = (time: Date) =>
  `${MONTHS[time.getUTCMonth()]} ${String(time.getUTCDate()).padStart(2)} ${clock(time)}`;
export const hex = (text: string, length: number) => createHash("sha256").update(text).digest("hex").slice(0, length);

interface Syslog {
  readonly program: string;
  readonly tag?: string;
  readonly text: string;
  readonly decoder?: object;
  readonly data?: object;
  readonly location?: string;
}
export function syslog(agent: AgentKey, rule: string, line: Syslog): Shape {
  return {
    agent,
    rule,
    body: (time, serial) => {
      const at = syslogTime(time);
      const host = AGENTS[agent].name;
      const tag = (line.tag ?? `${line.program}[PID]`).replace("PID", String(2000 + serial * 7));
      return {
        full_log: `${at} ${host} ${tag}: ${line.text}`,
        predecoder: { program_name: line.program, timestamp: at, hostname: host },
        decoder: line.decoder ?? { parent: line.program, name: line.program },
        ...(line.data === undefined ? {} : { data: line.data }),
        location: line.location ?? "/var/log/auth.log",
      };
    },
  };
}

/** sshd: 5715 accepted, 5760 failed, 5710 unknown user, 5763 brute force (with the lines before). */
export function sshd(
  agent: AgentKey,
  rule: "5715" | "5760" | "5710" | "5763",
  user: string,
  ip: string,
  port: number,
): Shape {
  const word =
    rule === "5715" ? "Accepted password for" : `Failed password for${rule === "5710" ? " invalid user" : ""}`;
  const text = `${word} ${user} from ${ip} port ${port} ssh2`;
  const shape = syslog(agent, rule, {
    program: "sshd",
    text,
    data: { srcip: ip, srcport: String(port), dstuser: user },
  });
  if (rule !== "5763") return shape;
  return {
    ...shape,
    body: (time, serial) => {
      const before = [1, 2, 3, 4].map(
        (n) =>
          `${syslogTime(new Date(time.getTime() - n * 9000))} ${AGENTS[agent].name} sshd[${serial}]: Failed password for ${user} from ${ip} port ${port - n} ssh2`,
      );
      return { previous_output: before.join("\n"), ...shape.body(time, serial) };
    },
  };
}

/** A line of nginx's combined access log. */
export function web(rule: string, ip: string, request: string, status: number, agent: string, referer = "-"): Shape {
  const [method = "GET", url = "/"] = request.split(" ");
  return {
    agent: "web",
    rule,
    body: (time) => ({
      full_log: `${ip} - - [${String(time.getUTCDate()).padStart(2, "0")}/${MONTHS[time.getUTCMonth()]}/${time.getUTCFullYear()}:${clock(time)} +0000] "${method} ${url} HTTP/1.1" ${status} ${180 + url.length * 3} "${referer}" "${agent}"`,
      decoder: { name: "web-accesslog" },
      data: { protocol: method, srcip: ip, id: String(status), url },
      location: "/var/log/nginx/access.log",
    }),
  };
}
