import { parentPort } from "node:worker_threads";

/** A thread that gives one step of each part, but nothing more of the first part and of `/never-asked`, whose steps are many. */
let from = 0;
let path = "";
let given = 0;

interface Request {
  readonly kind: "open" | "next" | "flush" | "close";
  readonly file?: { readonly target: { readonly path: string }; readonly part?: { readonly from: number } };
}

parentPort?.on("message", ({ kind, file }: Request) => {
  if (kind === "open") {
    from = file?.part?.from ?? 0;
    path = file?.target.path ?? "";
    given = 0;
  } else if (kind !== "next") parentPort?.postMessage({ kind: kind === "flush" ? "flushed" : "done" });
  else if (given++ === 0 || path === "/never-asked") {
    const place = { offset: from + given, marks: [] };
    const step = { hits: [], lines: 1, refused: 0, reasons: [], bytes: 1, skipped: 0, place };
    parentPort?.postMessage({ kind: "step", tookMs: 1, step });
  } else if (from !== 0) parentPort?.postMessage({ kind: "done" });
});
