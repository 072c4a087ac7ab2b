import { parentPort } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { Answer } from "./misp-rows.ts";
import type { Reply, Request } from "./misp-rows-thread.ts";
import { encodeBatch } from "./misp-rows-wire.ts";

/** Entry of the thread that reads answers; see `threadedRowReader`. */
const port = parentPort;
if (port === null) throw new TiplineError("TIP_INTERNAL", "this module is the entry of a thread");
interface Open {
  readonly rows: Answer;
  /** Memory of the chunks that are held on to, one for each batch. */
  readonly held: ArrayBuffer[];
}

/** What failed is gone: its later requests mean nothing. */
const answers = new Map<number, Open>();

port.on("message", (request: Request) => {
  try {
    handle(request);
  } catch (thrown) {
    answers.delete(request.answer);
    const remote = thrown instanceof RemoteError ? thrown.kind : undefined;
    tell({ answer: request.answer, kind: "failed", message: asError(thrown).message, remote });
  }
});

function handle(request: Request): void {
  const { answer } = request;
  if (request.kind === "open") answers.set(answer, { rows: new Answer(request.slices), held: [] });
  const open = answers.get(answer);
  if (open === undefined) return;
  if (request.kind === "chunk") take(answer, open, request.bytes);
  else if (request.kind === "end") tell({ answer, kind: "count", rows: open.rows.end() });
  else if (request.kind === "drop") answers.delete(answer);
  else if (request.kind === "read") {
    answers.delete(answer);
    let at = 0;
    for (const batch of open.rows.read(request.wanted)) {
      const spare = open.held[at++] as ArrayBuffer;
      tell({ answer, kind: "batch", text: encodeBatch(batch), spare }, [spare]);
    }
    tell({ answer, kind: "done" });
  }
}

function take(answer: number, { rows, held }: Open, { buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): void {
  if (rows.take(Buffer.from(buffer, byteOffset, length))) held.push(buffer);
  else tell({ answer, kind: "spare", spare: buffer }, [buffer]);
}

function tell(reply: Reply, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(reply, transfer);
}
