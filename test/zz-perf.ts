import { readFileSync, rmSync, statSync } from "node:fs";
import { openJournal } from "/work/main/src/store/journal.ts";
import { runPipeline } from "/work/main/src/pipeline/pipeline.ts";
import { noEvents } from "/work/main/src/pipeline/events.ts";
import { systemClock } from "/work/main/src/lib/clock.ts";
import { createLog } from "/work/main/src/lib/log.ts";
import { stormControl } from "/work/main/src/stages/storm.ts";
import { makeFinding } from "/work/main/test/support/finding.ts";
import { FakeSink, passStage } from "/work/main/test/support/pipeline.ts";
import { createHash } from "node:crypto";
const lines = readFileSync("/work/shared/data/wazuh/alerts.ndjson", "utf8").split("\n").filter(Boolean);
console.log("alerts", lines.length);
const dir = "/tmp/h5/perfj"; rmSync(dir, { recursive: true, force: true });
const readers = [{ name: "storm", stream: "raw", required: true }, { name: "wazuh", stream: "out", required: true }, { name: "file", stream: "out", required: false }] as const;
const journal = await openJournal({ dir, readers });
const N = Number(process.env.N ?? 30000);
const mode = process.argv[2] ?? "pass";
const per = Number(process.argv[3] ?? 500);
const sinks = { wazuh: new FakeSink({ confirmation: { timeoutMs: 600000, resends: 5 } }), file: new FakeSink() };
for (const s of Object.values(sinks)) { Object.defineProperty(s, "send", { value: async (f: any[]) => { (s as any).n = ((s as any).n ?? 0) + f.length; return { status: "sent" }; } }); }
const source = { async *read(cp: any, signal: AbortSignal) { for (let at = 0; at < N; at += per) { yield { records: Array.from({ length: per }, (_, i) => ({ bytes: Buffer.from(String(at + i)), origin: "" })), rejected: [], range: `${at}`, checkpoint: at }; } } };
const t = performance.now();
await runPipeline({ sources: [{ name: "a", source }], sinks: Object.entries(sinks).map(([name, sink]) => ({ name, sink })),
  handle: () => (r) => { const n = Number(r.bytes.toString()); const line = lines[n % lines.length]!; const j = JSON.parse(line); const f = makeFinding(n); const entity = `agent:${j.agent?.id}-${n % 500}`; const confirmed = n > 20000 ? [makeFinding(n - 20000).id] : [];
    return { findings: [{ ...f, alert: { ...f.alert, raw: line, time: f.alert.time + n * 10 }, key: { indicator: `ip:${(n >> 3) % 300}`, entity } }], deadLetters: [], confirmed }; },
  stage: mode === "pass" ? passStage : stormControl({ derive: (p) => createHash("sha256").update(p.join()).digest("hex").slice(0, 40) }),
  journal, clock: systemClock, log: createLog("info"), events: noEvents, finite: true }, new AbortController().signal);
const ms = performance.now() - t;
console.log(mode, "findings/s", Math.round(N / ms * 1000), "ms", Math.round(ms), "sent", (sinks.wazuh as any).n, "file MB", statSync(dir + "/data.mdb").size / 1e6, "cpu ms", JSON.stringify(process.cpuUsage()), "rss", process.memoryUsage().rss / 1e6, journal.backlog().get("wazuh"));
await journal.close();
