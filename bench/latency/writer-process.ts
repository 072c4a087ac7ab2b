import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";

/**
 * An open-loop writer: RATE lines a second by the clock, whoever keeps up or not, for SECONDS. Every MATCHEVERYth line carries a listed
 * address, each its own, so that storm control has nothing to fold. Ends with the time of each line's writing, in ns, in TIMES.
 *
 *   writer-process.js FILE TIMES RATE SECONDS MATCHEVERY
 */
const [file = "", timesFile = "", rate = "2000", seconds = "10", matchEvery = "100"] = process.argv.slice(2);
const total = Number(rate) * Number(seconds);
const every = Number(matchEvery);
const times = new BigInt64Array(total);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const fd = openSync(file, "a");
const started = process.hrtime.bigint();
for (let n = 0; n < total; ) {
  const due = Math.min(total, Math.floor((Number(process.hrtime.bigint() - started) / 1e9) * Number(rate)));
  for (; n < due; n++) {
    const line = alertLine(n);
    times[n] = process.hrtime.bigint();
    writeSync(fd, line);
  }
  Atomics.wait(sleeper, 0, 0, 0.5);
}
closeSync(fd);
writeFileSync(timesFile, Buffer.from(times.buffer));

/** About 1.9 KB, the median of real ones. */
function alertLine(n: number): string {
  const listed = n % every === 0;
  const address = listed
    ? `45.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
    : `46.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  const agent = String(1 + (n % 200)).padStart(3, "0");
  return `${JSON.stringify({
    timestamp: "2026-11-21T21:45:50.015+0000",
    rule: {
      level: 5,
      description: "sshd: authentication failed.",
      id: "5760",
      groups: ["syslog", "sshd", "authentication_failed"],
    },
    agent: { id: agent, name: `web-${agent}`, ip: "10.0.0.5" },
    manager: { name: "bench" },
    id: `1795297550.${n}`,
    full_log: `Nov 21 21:45:50 web-${agent} sshd[4711]: Failed password for root from ${address} port 51122 ssh2 ${"x".repeat(1300)}`,
    predecoder: { program_name: "sshd", timestamp: "Nov 21 21:45:50", hostname: `web-${agent}` },
    decoder: { parent: "sshd", name: "sshd" },
    data: { srcip: address, srcport: "51122", dstuser: "root" },
    location: "/var/log/auth.log",
  })}\n`;
}
