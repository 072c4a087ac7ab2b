import { styleText } from "node:util";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import { writeAll } from "../lib/stream-write.ts";

type Style = Parameters<typeof styleText>[0];

/** Data for people or machines on stdout; resolves when the pipe has taken it, so that a slow reader slows us. */
export async function print(text: string): Promise<void> {
  written(await writeAll(process.stdout, text.endsWith("\n") ? text : `${text}\n`));
}

/** Bytes as they are on stdout, for machines; resolves as `print` does. */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  written(await writeAll(process.stdout, bytes));
}

/** What is printed has nowhere to go: no fault of what is being printed. */
export class OutputError extends TiplineError {}

function written(error: Error | undefined): void {
  if (error === undefined) return;
  if (systemCode(error) === "EPIPE") throw error;
  throw new OutputError("TIP_SINK_FAILED", `the output cannot be written: ${error.message}`, { cause: error });
}

/** One JSON object a line on stdout. */
export async function printJson(value: unknown): Promise<void> {
  await print(forTerminal(JSON.stringify(value)));
}

/**
 * JSON as it is, but on a terminal without the characters that JSON allows raw and a terminal obeys (C1 controls, changes of
 * direction): they are escaped, which means the same to whoever copies it.
 */
export function forTerminal(json: string): string {
  if (process.stdout.isTTY !== true) return json;
  return json.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Everything that is not data goes to stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Colour where the stream is a terminal and NO_COLOR is unset. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY && !process.env["NO_COLOR"] ? styleText(style, text) : text;
}

/** Of what `safe` shows, what may stand raw in JSON text beside white space. */
const OBEYED = /[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Hostile text for a terminal: control and direction characters become visible, length is bounded. */
export function safe(text: string, most = 200): string {
  const shown = text.replace(CONTROL, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return shown.length <= most ? shown : `${shown.slice(0, most - 1)}…`;
}

/** `safe` for a message of several lines. */
export function safeLines(text: string): string {
  return text
    .split("\n", 60)
    .map((line) => safe(line, 2000))
    .join("\n");
}

/** Columns padded to their widest cell; for terminals and pipes alike. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Says what went wrong, without a stack for our own errors, and gives the exit code. */
export function report(thrown: unknown): number {
  const error = asError(thrown);
  if ((error as { code?: string }).code === "EPIPE") return EXIT.ok;
  if (error instanceof TiplineError) {
    note(`tipline: ${safeLines(error.message)}`);
    return error.code === "TIP_USAGE_INVALID" || error.code === "TIP_CONFIG_INVALID" ? EXIT.usage : EXIT.failed;
  }
  note(`tipline: ${safeLines(error.stack ?? error.message)}`);
  return EXIT.failed;
}
