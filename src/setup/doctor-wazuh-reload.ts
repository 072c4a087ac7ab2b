import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

const TAIL_BYTES = 1024 * 1024;
const QUARTER_MS = 15 * 60_000;
/** `2026/11/22 10:00:00 wazuh-analysisd: INFO: …`; with debugging on also process and place in the source. */
const LINE =
  /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) ([\w:-]{1,60})(?:\[\d{1,10}\])?(?: [\w.]{1,60}:\d{1,6} at [\w():]{1,80})?: (INFO|ERROR|CRITICAL): (.{0,200})/;
const RELOADED = /^(?:Reloading ruleset|Ruleset reloaded successfully)\b/;

/**
 * When analysisd last took new rules into force without a restart, by its lines in ossec.log: 4.13 and newer write one after the new
 * rules were read without an error (wazuh/wazuh pull request 32048 shows it). Epoch milliseconds of the beginning of that second;
 * undefined: no such line in the log's end, or an error of analysisd after it.
 */
export function lastReload(ossecLog: string): number | undefined {
  const tail = readTail(ossecLog);
  if (tail === undefined) return undefined;
  let reloaded: number | undefined;
  let last: number | undefined;
  for (const text of tail.text.split("\n")) {
    const [, year, month, day, hour, minute, second, process, kind, message = ""] = LINE.exec(text) ?? [];
    if (year === undefined) continue;
    last = new Date(+year, Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)).getTime();
    if (process !== "wazuh-analysisd") continue;
    if (kind === "INFO" && RELOADED.test(message)) reloaded = last;
    else if (kind !== "INFO") reloaded = undefined;
  }
  if (reloaded === undefined || last === undefined) return undefined;
  // A manager in a container may live in another time zone: its last line was written when the file was.
  return reloaded + Math.round((tail.changedAt - last) / QUARTER_MS) * QUARTER_MS;
}

function readTail(path: string): { readonly text: string; readonly changedAt: number } | undefined {
  try {
    // A pipe in its place would hold the opening up for ever.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size, mtimeMs } = fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return { text: buffer.toString("latin1", 0, length), changedAt: mtimeMs };
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
