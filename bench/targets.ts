/** The numbers that the project holds itself to, in the order of the first table: a key, and the words of the table. */
export const DESIGN_LINES = {
  "match-1m": "gate and matcher ÷ bare JSON.parse, lines/s; one thread, 1 M indicators, 1% flagged: ≥ 3.0 ×",
  "match-10m": "the same at 10 M indicators: ≥ 2.5 ×",
  threads: "two threads over their own ranges ÷ one, lines/s: ≥ 1.8 ×",
  "flags-real": "flag rate on real alerts, also with 8.8.8.8 and microsoft.com listed",
  reference: "reference matcher ÷ bare JSON.parse, lines/s: ≥ 0.45 ×",
  "bytes-1m": "bytes of all sections ÷ distinct key, 1 M: ≤ 20",
  "bytes-8.5m": "bytes of all sections ÷ distinct key, 8.5 M: ≤ 20",
  "bytes-10m": "bytes of all sections ÷ distinct key, 10 M: ≤ 20",
  swap: "peak memory during a swap of generations ÷ before it: ≤ 2.2 ×",
  load: "loading a segment, checksum included ÷ only reading the file, time: ≤ 3 ×",
  enrich: "`enrich` on ≥ 4 GB, 1 M indicators, default threads ÷ a Node loop that only parses: ≥ 2.5 ×",
  "latency-1": "line written to datagram received at 2,000 alerts/s, 1% matching, p99 over the floor's: ≤ 20 ms",
  "latency-100": "the same, 100% matching: ≤ 20 ms",
  "sync-delayed": "first sync with the recorded delays ÷ curl for the same pages, time: ≤ 1.3 ×",
  "sync-bare": "first sync without delays ÷ fetch + JSON.parse, time: ≤ 3 ×",
  "sync-memory": "highest anonymous memory of a sync: ≤ 150 MB",
  hook: "hook ÷ `/bin/true`, runs/s: ≥ 0.33 ×",
  gzip: "reading `.gz` ÷ `gzip -dc`, bytes/s: ≥ 0.8 ×",
} as const;

export type DesignLine = keyof typeof DESIGN_LINES;
