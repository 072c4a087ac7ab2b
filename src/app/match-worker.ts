import { parentPort, workerData } from "node:worker_threads";
import { asError } from "../lib/errors.ts";
import { MatchJudge } from "./match-judge.ts";
import type { MatchReply, MatchRequest, MatchSetup } from "./match-wire.ts";

/** The entry of a matching thread. */
const judge = new MatchJudge(workerData as MatchSetup);
const reply = (message: MatchReply, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

parentPort?.on("message", (request: MatchRequest) => {
  if (request.kind === "match") {
    const matched = judge.match(request);
    reply(matched, [matched.json.buffer]);
    return;
  }
  judge.take(request.generation, request.mark).then(
    () => reply({ kind: "ready" }),
    (thrown) => reply({ kind: "ready", failed: asError(thrown).message }),
  );
});
