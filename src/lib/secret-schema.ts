import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { systemCode, TiplineError } from "./errors.ts";
import { Secret } from "./secret.ts";

const MAX_SECRET_FILE = 64 * 1024;
const WHY = new Map([
  ["ENOENT", ": it is not there"],
  ["EACCES", ": this user may not read it"],
  ["EISDIR", ": it is a folder"],
]);

/** A secret written in the configuration (usually as `${NAME}` from the environment); comes out as Secret. */
export const secretText = (description: string) =>
  z
    .string()
    // Before the length: a blank token would let in whoever shows none.
    .trim()
    .min(1)
    .transform((text) => new Secret(text))
    .describe(description);

/**
 * Whether other users may read a secret's file: everybody, or the group where the file is our own (a file of root's that our
 * group may read is how a service gets its secret). False where the system has no such modes or the file cannot be seen.
 */
export function openToOthers(file: string): boolean {
  const ourUid = process.getuid?.();
  try {
    const { mode, uid } = statSync(file);
    return ourUid !== undefined && ((mode & 0o004) !== 0 || ((mode & 0o040) !== 0 && uid === ourUid));
  } catch {
    return false;
  }
}

/** The secret in `file` (surrounding white space dropped) or `value`, or undefined when neither is given. */
export function secretFrom(file: string | undefined, value: Secret | undefined, key = "key_file"): Secret | undefined {
  if (file === undefined) return value;
  let text: string;
  try {
    if (statSync(file).size > MAX_SECRET_FILE) throw new Error("too large");
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    const why = WHY.get(systemCode(cause) ?? "") ?? "";
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${key}: expected a readable file with one secret, ${file} is not${why}`,
      { cause },
    );
  }
  if (text === "" || /[\r\n]/.test(text))
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${key}: expected one line in ${file}, found ${text === "" ? "nothing" : "several"}`,
    );
  return new Secret(text);
}
