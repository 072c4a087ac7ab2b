import { parentPort } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { Answer } from "./misp-rows.ts";
import type { Reply, Request } from "./misp-rows-thread.ts";
import { encodeBatch } from "./misp-rows-wire.ts";

/** Entry of the thread that reads answers; see `threadedRowReader`. */
const port = parentPort;
if (port === null) throw new TiplineError("TIP_INTERNAL", "this module is the entry of a thread");
/** What failed is gone: its later requests mean nothing. */
const answers = new Map<number, Answer>();

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
  if (request.kind === "open") answers.set(answer, new Answer(request.slices));
  const open = answers.get(answer);
  if (open === undefined) return;
  if (request.kind === "chunk") open.take(Buffer.from(request.bytes.buffer));
  else if (request.kind === "end") tell({ answer, kind: "count", rows: open.end() });
  else if (request.kind === "drop") answers.delete(answer);
  else if (request.kind === "read") {
    answers.delete(answer);
    for (const batch of open.read(request.wanted)) tell({ answer, kind: "batch", text: encodeBatch(batch) });
    tell({ answer, kind: "done" });
  }
}

function tell(reply: Reply): void {
  port?.postMessage(reply);
}
