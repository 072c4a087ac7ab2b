import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import type { BodyBudget } from "./http-front-budget.ts";

/** How much of a body that is not taken is kept for people to look at. */
const HEAD_BYTES = 64 * 1024;

/** What became of reading a request's body. */
export type Body =
  | { readonly kind: "whole"; readonly bytes: Buffer }
  /** Over the limit, as sent or unpacked; `length`: bytes seen before reading stopped. */
  | { readonly kind: "too-large"; readonly head: Buffer; readonly length: number }
  /** Not what its Content-Encoding says. */
  | { readonly kind: "broken"; readonly head: Buffer; readonly length: number; readonly reason: string }
  /** An encoding that is not understood. */
  | { readonly kind: "encoding"; readonly encoding: string }
  /** No room for it in memory now. */
  | { readonly kind: "busy" }
  /** The client went away, or sent nothing for too long. */
  | { readonly kind: "gone" };

export interface BodyLimits {
  readonly maxBytes: number;
  readonly budget: BodyBudget;
  /** How long to wait for room, in milliseconds; nothing is read meanwhile. */
  readonly waitMs: number;
  /** Longest silence of the client within a body, in milliseconds. */
  readonly idleMs: number;
}

/** A body in memory; `release` when nothing refers to it any more. */
export interface ReadBody {
  readonly body: Body;
  release(): void;
}

const gunzipped = promisify(gunzip);
const inflated = promisify(inflate);

/**
 * Reads a body whole, within the limits: plain, gzip or deflate. What unpacks to more than the limit is stopped there. The client
 * may be gone, slow or lying; it never throws.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits, signal: AbortSignal): Promise<ReadBody> {
  const { maxBytes, budget, waitMs } = limits;
  let held = 0;
  const release = () => {
    budget.give(held);
    held = 0;
  };
  const done = (body: Body): ReadBody => {
    if (body.kind !== "whole") release();
    return { body, release };
  };
  const announced = announcedLength(request);
  if (announced !== undefined && announced > maxBytes) {
    const head = await readRaw(request, HEAD_BYTES, limits.idleMs);
    return done(head === undefined ? { kind: "gone" } : { kind: "too-large", head: headOf(head), length: announced });
  }
  const wanted = announced ?? maxBytes;
  if (!(await budget.take(wanted, waitMs, signal))) return done({ kind: signal.aborted ? "gone" : "busy" });
  held = wanted;
  const raw = await readRaw(request, maxBytes, limits.idleMs);
  if (raw === undefined) return done({ kind: "gone" });
  if (raw.length > maxBytes) return done({ kind: "too-large", head: headOf(raw), length: raw.length });
  budget.give(held - raw.length);
  held = raw.length;
  const packing = packingOf(request.headers["content-encoding"], raw);
  if (packing === "none") return done({ kind: "whole", bytes: raw });
  if (packing === "unknown") return done({ kind: "encoding", encoding: encodingOf(request) });
  if (!(await budget.take(maxBytes, waitMs, signal))) return done({ kind: signal.aborted ? "gone" : "busy" });
  held += maxBytes;
  try {
    const bytes = await (packing === "gzip" ? gunzipped : inflated)(raw, { maxOutputLength: maxBytes });
    budget.give(held - bytes.length);
    held = bytes.length;
    return done({ kind: "whole", bytes });
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") return done({ kind: "too-large", head: headOf(raw), length: maxBytes + 1 });
    return done({ kind: "broken", head: headOf(raw), length: raw.length, reason: message });
  }
}

function announcedLength(request: IncomingMessage): number | undefined {
  const written = request.headers["content-length"];
  return written !== undefined && /^\d{1,15}$/.test(written) ? Number(written) : undefined;
}

/** At most one byte over the limit matters; undefined: the client went away or fell silent. */
async function readRaw(request: IncomingMessage, maxBytes: number, idleMs: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => request.destroy(), idleMs);
  try {
    // Leaving the loop must not close the connection: the answer goes over it.
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      timer.refresh();
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
      if (length > maxBytes) break;
    }
    return request.complete || length > maxBytes ? Buffer.concat(pieces) : undefined;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function encodingOf(request: IncomingMessage): string {
  return String(request.headers["content-encoding"] ?? "").slice(0, 100);
}

/**
 * By the bytes as well as by the header: proxies unpack bodies and leave the header, and JSON begins with neither of the marks.
 */
function packingOf(header: string | undefined, raw: Buffer): "none" | "gzip" | "deflate" | "unknown" {
  if (raw[0] === 0x1f && raw[1] === 0x8b) return "gzip";
  const encoding = (header ?? "identity").trim().toLowerCase();
  if (raw.length === 0 || encoding === "" || encoding === "identity") return "none";
  if (encoding === "gzip" || encoding === "x-gzip") return looksLikeText(raw) ? "none" : "gzip";
  if (encoding === "deflate") return looksLikeText(raw) ? "none" : "deflate";
  return looksLikeText(raw) ? "none" : "unknown";
}

/** Begins with what JSON or a list of lines begins with. */
function looksLikeText(raw: Buffer): boolean {
  const first = raw[0] ?? 0;
  return first === 0x7b || first === 0x5b || first === 0x20 || first === 0x0a || first === 0x0d || first === 0x09;
}

function headOf(raw: Buffer): Buffer {
  return Buffer.from(raw.subarray(0, HEAD_BYTES));
}
