// A process for the fault tests: commits numbered findings from its checkpoint on, moves them through stage and sink, and
// writes the number of each thing that resolved to stdout, until it is killed. Arguments: folder, seed.
import { writeSync } from "node:fs";
import { openJournal } from "../../src/store/journal.ts";
import { makeFinding } from "./finding.ts";

const [dir = "", seed = "0"] = process.argv.slice(2);
const readers = [
  { name: "storm", stream: "raw", required: true },
  { name: "must", stream: "out", required: true },
  { name: "may", stream: "out", required: false },
] as const;
const journal = await openJournal({ dir, readers });
const say = (what: string, number: number) => writeSync(1, `${what} ${number}\n`);
let random = Number(seed) + 1;
const next = (most: number) => {
  random = (random * 48_271) % 2_147_483_647;
  return 1 + (random % most);
};

async function commit(): Promise<void> {
  for (let at = Number(journal.checkpoint("numbers") ?? 0); ; ) {
    const end = at + next(30);
    const findings = Array.from({ length: end - at }, (_, i) => makeFinding(at + i));
    const range = `${at}-${end}`;
    await journal.commit({ source: "numbers", range, checkpoint: end, findings, deadLetters: [], confirmed: [] });
    say("committed", end);
    at = end;
  }
}

async function stage(): Promise<void> {
  let count = Number(new Map(journal.stageState("storm")).get("count") ?? 0);
  for (;;) {
    await journal.wait("raw", "storm", new AbortController().signal);
    const entries = journal.read("raw", "storm", next(50));
    count += entries.length;
    const findings = entries.map(({ finding }) => finding);
    await journal.advanceStage("storm", entries.at(-1)?.seq ?? 0, new Map([["count", count]]), findings);
  }
}

async function deliver(sink: string): Promise<void> {
  for (;;) {
    await journal.wait("out", sink, new AbortController().signal);
    const entries = journal.read("out", sink, next(40));
    // The receiver gets them before the cursor moves: at least once.
    for (const { finding } of entries) say(sink, Number(finding.id.slice(1)));
    await journal.advanceSink(sink, entries.at(-1)?.seq ?? 0, { dead: [], awaiting: [] });
  }
}

await Promise.all([commit(), stage(), deliver("must"), deliver("may")]);
