import { join } from "node:path";
import { openJournal, type StoredJournal } from "../../src/store/journal.ts";
import { makeFinding } from "../support/finding.ts";
import { tempDir } from "../support/temp.ts";
import { testJournal } from "./journal.contract.ts";

const readers = [
  { name: "storm", stream: "raw", required: true },
  { name: "must", stream: "out", required: true },
  { name: "may", stream: "out", required: false },
] as const;

testJournal("journal on LMDB", (t) => {
  const dir = join(tempDir(t), "journal");
  let current: StoredJournal | undefined;
  t.after(() => current?.close());
  const open = async (maxBytes?: number) => {
    await current?.close();
    current = await openJournal({ dir, readers, ...(maxBytes === undefined ? {} : { maxBytes }) });
    return current;
  };
  return {
    open: () => open(),
    reopen: () => open(),
    openSmall: (findings) => open(findings * (JSON.stringify(makeFinding(1)).length + 70)),
  };
});
