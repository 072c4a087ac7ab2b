import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import { asError, TiplineError } from "../lib/errors.ts";
import { later } from "../lib/later.ts";
import { FileRoom, NO_PAGE, newestHead } from "./file-room.ts";

const lmdb = later<typeof import("lmdb")>("lmdb");

/** A table: keys ordered as numbers, strings and arrays of them; values are bytes. */
export type Table = Database<Buffer, Key>;
export type Key = number | string | (number | string)[];

/** One LMDB environment: a folder with `data.mdb` and `lock.mdb`. */
export interface Environment {
  readonly dir: string;
  table(name: string): Table;
  /**
   * Runs `operation` in one transaction: on disk (fsync) when it returns, and nothing of it when it throws. `bytes`: about how many of
   * the file it takes (`roomFor`), where that may be more than half a megabyte.
   */
  transact<T>(operation: () => T, bytes?: number): T;
  close(): Promise<void>;
}

const TABLES = 12;

/**
 * Opens (or creates) an environment. LMDB maps the file and trusts it, so that a damaged head or a missing tail would end the
 * process by a signal rather than by an error; both are looked for before it is opened.
 */
export function openEnvironment(dir: string, options: { readonly readOnly?: boolean } = {}): Environment {
  const readOnly = options.readOnly ?? false;
  const padded = guarded(dir, () => {
    if (!readOnly) mkdirSync(dir, { recursive: true, mode: 0o700 });
    return checkFile(dir, readOnly);
  });
  const root = guarded(dir, () =>
    // Without `overlappingSync: false` a transaction would return before it is on disk.
    lmdb().open<Buffer, Key>({
      path: dir,
      noSubdir: false,
      encoding: "binary",
      maxDbs: TABLES,
      overlappingSync: false,
      readOnly,
    }),
  );
  if (padded) verify(dir, root);
  // Slots of readers that were killed would keep old pages from being used again.
  if (!readOnly) root.readerCheck();
  const room = readOnly ? undefined : guarded(dir, () => roomIn(dir, root));
  return {
    dir,
    table: (name) => guarded(dir, () => root.openDB<Buffer, Key>({ name, encoding: "binary" })),
    transact: (operation, bytes = 0) => {
      room?.ensure(bytes);
      return transacted(root, operation);
    },
    close: async () => {
      room?.close();
      await root.close();
    },
  };
}

function roomIn(dir: string, root: RootDatabase<Buffer, Key>): FileRoom {
  try {
    return new FileRoom(join(dir, "data.mdb"));
  } catch (thrown) {
    void root.close();
    throw thrown;
  }
}

/**
 * One transaction. Its result does not pass through lmdb-js (3.5.6), which keeps it on objects that refer to one another from transaction
 * to transaction: all findings then outlive V8's young generation.
 */
function transacted<T>(root: RootDatabase<Buffer, Key>, operation: () => T): T {
  const results: T[] = [];
  root.transactionSync(() => {
    results.push(operation());
  });
  return results.pop() as T;
}

/** Numbers that lmdb-js puts into `code`: errno, and LMDB's own below zero. */
const FULL = new Set<unknown>([
  "ENOSPC",
  "EDQUOT",
  "EFBIG",
  28 /* ENOSPC */,
  122 /* EDQUOT */,
  -30792 /* MDB_MAP_FULL */,
]);
const DAMAGED = new Set([-30797, -30796, -30795, -30794, -30793]);
const EIO = 5;
const NEARLY_FULL_BYTES = 4 * 2 ** 20;

/** The error of a failed transaction in Tipline's words; nothing of the transaction was written. */
export function storeError(dir: string, thrown: unknown): TiplineError {
  if (thrown instanceof TiplineError) return thrown;
  const code = (thrown as { code?: unknown } | null)?.code;
  // A write that the disk took in part is EIO in LMDB; its text then may be that of an older error.
  if (FULL.has(code) || (code === EIO && freeBytes(dir) < NEARLY_FULL_BYTES))
    return new TiplineError(
      "TIP_JOURNAL_FULL",
      `expected room on the disk of ${dir}, found none left; nothing was written and it is tried again: free some space`,
      { cause: thrown },
    );
  if (code === EIO)
    return new TiplineError("TIP_INTERNAL", `the disk of ${dir} failed (EIO); nothing was written: check the disk`, {
      cause: thrown,
    });
  const text = asError(thrown).message;
  if (DAMAGED.has(code as number)) return corrupt(dir, text, thrown);
  return new TiplineError("TIP_INTERNAL", `the store in ${dir} could not be written: ${text}`, { cause: thrown });
}

function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** What to say when what is on disk cannot be what was written. */
export function corrupt(dir: string, found: string, cause?: unknown): TiplineError {
  return new TiplineError(
    "TIP_STATE_CORRUPT",
    `expected a sound journal in ${dir}, found: ${found}. Stop Tipline, move the folder aside (it holds findings not yet ` +
      "delivered and the places where sources go on), check the disk and start again: sources then start anew",
    { cause },
  );
}

/** For opening: what the system refuses is a matter of rights and places, what LMDB refuses is damage. */
function guarded<T>(dir: string, operation: () => T): T {
  try {
    return operation();
  } catch (thrown) {
    const error = storeError(dir, thrown);
    if (error.code !== "TIP_INTERNAL") throw error;
    const code = (thrown as { code?: unknown }).code;
    const text = asError(thrown).message;
    if (typeof code === "number" && code < 0) throw corrupt(dir, text, thrown);
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `expected a folder for the journal that can be used at ${dir}: ${text}`,
      {
        cause: thrown,
      },
    );
  }
}

/** True when a missing tail was filled with zeros, so that reading it gives an error instead of a signal. */
function checkFile(dir: string, readOnly: boolean): boolean {
  const path = join(dir, "data.mdb");
  if (!existsSync(path)) {
    if (readOnly)
      throw new TiplineError("TIP_INPUT_INVALID", `expected a journal in ${dir}, found none: has Tipline run here?`);
    return false;
  }
  const fd = openSync(path, readOnly ? "r" : "r+");
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return false;
    const newest = newestHead(fd);
    if (newest === undefined) throw corrupt(dir, "data.mdb has no valid head");
    const pages = BigInt(Math.floor(size / newest.pageSize));
    for (const rootPage of [newest.freeRoot, newest.mainRoot])
      if (rootPage !== NO_PAGE && rootPage >= pages) throw corrupt(dir, `data.mdb is cut short at ${size} bytes`);
    // Pages taken and freed within one transaction are never written, so a short file may be sound.
    const wanted = (Number(newest.lastPage) + 1) * newest.pageSize;
    if (size >= wanted || readOnly) return false;
    if (wanted > size + 2 ** 40) throw corrupt(dir, `data.mdb has ${size} bytes and speaks of ${wanted}`);
    ftruncateSync(fd, wanted);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Reads every key and value once: damage shows as an error here rather than later. */
function verify(dir: string, root: RootDatabase<Buffer, Key>): void {
  guarded(dir, () => {
    for (const name of [...root.getKeys()]) {
      if (typeof name !== "string") continue;
      for (const { value } of root.openDB<Buffer, Key>({ name, encoding: "binary" }).getRange()) {
        if (!Buffer.isBuffer(value)) throw corrupt(dir, `an entry of ${name} cannot be read`);
      }
    }
  });
}
