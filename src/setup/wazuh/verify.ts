import type { Manager } from "./reload.ts";

/** What `wazuh-analysisd -t` says of the files as they are. */
export type TestResult =
  | {
      readonly status: "tested";
      /** It would start: exit 0. */
      readonly starts: boolean;
      /** Its ERROR and CRITICAL lines, and its WARNINGs, without time and process, in order. */
      readonly errors: readonly string[];
      readonly warnings: readonly string[];
    }
  /** Nothing here can ask it. */
  | { readonly status: "untested"; readonly why: string };

/**
 * Each is a rule or a whole file that is left out: unreadable (1103), overwrite refused (7605), id taken (7612), list unknown (7616),
 * parent unknown (7617; 7608, 7610, 7611, 7619 and 7620 end with the words).
 */
const DROPPED = /^\((?:1103|7605|7612|7616|7617)\):|\bRule '\d{1,6}' will be ignored/;
/** `2026/11/22 10:00:00 wazuh-analysisd: WARNING: …`; with debugging on also process and place in the source. */
const LINE =
  /^(?:\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d [\w-]{1,40}(?:\[\d{1,10}\])?(?: [\w.]{1,60}:\d{1,6} at [\w():]{1,80})?: )?(ERROR|CRITICAL|WARNING): (.*)$/;

/** Lets the manager's own analysisd read rules, decoders and configuration. It changes nothing. */
export async function testAnalysisd(manager: Manager, signal: AbortSignal): Promise<TestResult> {
  const program = manager.program("wazuh-analysisd");
  if (program === undefined)
    return { status: "untested", why: "there is no bin/wazuh-analysisd, and no --exec to reach it" };
  const { code, output, error } = await manager.run([...program, "-t"], { signal });
  if (code === undefined) return { status: "untested", why: `${program.join(" ")} -t: ${error ?? "did not run"}` };
  const errors: string[] = [];
  const warnings: string[] = [];
  for (const line of output.split("\n")) {
    const [, kind, text = ""] = LINE.exec(line.slice(0, 2000)) ?? [];
    if (kind === "ERROR" || kind === "CRITICAL") errors.push(text);
    else if (kind === "WARNING") warnings.push(text);
  }
  if (code !== 0 && errors.length === 0) errors.push(output.trim().slice(-500) || `exit ${code}`);
  return { status: "tested", starts: code === 0, errors, warnings };
}

/** What is ours in the manager: messages that name it are about us. */
export interface Ours {
  readonly files: readonly string[];
  readonly ruleIds: ReadonlySet<number>;
}

/** Why what is there now must not stay: it does not start, or a rule is left out that is ours or was not left out before. */
export function faultsOf(now: TestResult, before: TestResult, ours: Ours): readonly string[] {
  if (now.status !== "tested") return [];
  if (!now.starts) return now.errors;
  return now.warnings.filter((text) => isFault(text, before, ours));
}

/** Whether analysisd's line says that a rule or file is left out which concerns us, or which was not left out before. */
export function isFault(text: string, before: TestResult, ours: Ours): boolean {
  if (!DROPPED.test(text)) return false;
  // What it would have said of others is not known: it ended at a broken file of ours.
  if (before.status === "tested" && !before.starts) return concerns(text, ours);
  return concerns(text, ours) || !(before.status === "tested" && before.warnings.includes(text));
}

function concerns(text: string, { files, ruleIds }: Ours): boolean {
  if (files.some((file) => text.includes(file))) return true;
  return (text.match(/\b\d{3,6}\b/g) ?? []).some((id) => ruleIds.has(Number(id)));
}
