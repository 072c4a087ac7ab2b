import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { asError, systemCode } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

/**
 * Names of fields beyond the documented ones. An index refuses every message that would bring its 1,001st name, and alerts of
 * different sources bring thousands: so the first `limit` names that come are sent for good, and later ones are left out.
 */
export interface NameBudget {
  admits(name: string): boolean;
  /** Writes down what was admitted since; a failure is logged once and costs only that after a restart other names may come first. */
  save(): void;
}

const MAX_FILE = 1024 * 1024;

export function createNameBudget(limit: number, folder: string, log: Log): NameBudget {
  const path = join(folder, "field-names.txt");
  const names = new Set(read(path, log).slice(0, limit));
  let fresh: string[] = [];
  let told = { full: false, unsaved: false };
  return {
    admits(name) {
      if (names.has(name)) return true;
      if (names.size >= limit) {
        if (!told.full)
          log.warn("no room for further field names: later ones are left out of messages", { limit, path });
        told = { ...told, full: true };
        return false;
      }
      names.add(name);
      fresh.push(name);
      return true;
    },
    save() {
      if (fresh.length === 0) return;
      const lines = `${fresh.join("\n")}\n`;
      fresh = [];
      try {
        mkdirSync(folder, { recursive: true, mode: 0o750 });
        appendFileSync(path, lines, { mode: 0o640 });
      } catch (thrown) {
        if (!told.unsaved)
          log.warn("the field names sent so far cannot be written down", { path, error: asError(thrown) });
        told = { ...told, unsaved: true };
      }
    },
  };
}

function read(path: string, log: Log): readonly string[] {
  try {
    if (statSync(path).size > MAX_FILE) throw new Error(`expected at most ${MAX_FILE} bytes`);
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((name) => /^(?:wazuh|tipline)_[A-Za-z0-9_-]{1,300}$/.test(name));
  } catch (thrown) {
    if (systemCode(thrown) !== "ENOENT")
      log.warn("the field names sent so far cannot be read", { path, error: asError(thrown) });
    return [];
  }
}
