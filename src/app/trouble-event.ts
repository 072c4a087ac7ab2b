import { toUSVString } from "node:util";
import type { Trouble } from "./health.ts";

const MOST_TEXT = 900;
const MOST_NAME = 128;

/**
 * A trouble as an event for rule 100621: `misp.error` says what is wrong, `misp.trouble` of which kind. A rule's description shows a
 * field of up to about 900 characters.
 */
export function troubleDatagram(
  { kind, component, text }: Trouble,
  { state, since, id }: { readonly state: "begun" | "lasts" | "over"; readonly since: number; readonly id: string },
): Buffer {
  const misp = {
    error: clean(text, MOST_TEXT),
    trouble: kind,
    component: clean(component, MOST_NAME),
    state,
    since: new Date(since).toISOString(),
    finding_id: id,
  };
  return Buffer.from(`1:misp:${JSON.stringify({ integration: "misp", misp })}`);
}

/**
 * One line that Wazuh's decoder takes as it is; a string that begins with `[` could be read as a list. What stands before the `@` of
 * a URL may be a password, and what follows its `?` a key.
 */
function clean(text: string, most: number): string {
  const line = toUSVString(text)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .replace(/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]{1,200}@/gi, "$1")
    .replace(/(\bhttps?:\/\/[^\s?#]{1,500})\?[^\s]{1,2000}/gi, "$1?…")
    .trim();
  const cut = line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
  return cut.startsWith("[") ? `'${cut}` : cut || "unknown";
}
