import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";

const KEY_BYTES = 32;

/**
 * The installation's MAC key, made on first use: 64 hex digits in a file of mode 0600. It appears whole or not at all, and of
 * two processes that make it at once both get the same. Losing it makes findings already sent look foreign.
 */
export function loadOrCreateKey(path: string): Buffer {
  const existing = readKey(path);
  if (existing !== undefined) return existing;
  const draft = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(draft, "wx", 0o600);
    try {
      writeSync(fd, `${randomBytes(KEY_BYTES).toString("hex")}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    link(draft, path);
    syncFolder(dirname(path));
  } catch (cause) {
    throw new TiplineError("TIP_CONFIG_INVALID", `the key ${path} could not be made: ${asError(cause).message}`, {
      cause,
    });
  }
  const made = readKey(path);
  if (made === undefined) throw new TiplineError("TIP_INTERNAL", `the key ${path} vanished while it was made`);
  return made;
}

/** link() never replaces: who comes second takes the first one's key. */
function link(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (thrown) {
    if (systemCode(thrown) !== "EEXIST") throw thrown;
  } finally {
    unlinkSync(draft);
  }
}

function readKey(path: string): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(path, "latin1").trim();
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw new TiplineError("TIP_CONFIG_INVALID", `the key ${path} cannot be read: ${asError(cause).message}`, {
      cause,
    });
  }
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new TiplineError(
      "TIP_STATE_CORRUPT",
      `expected 64 hex digits in ${path}, found ${text.length} characters of something else; restore it from a backup, or ` +
        "remove it for a new key (findings already sent will then look foreign)",
    );
  return Buffer.from(text, "hex");
}

function syncFolder(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
