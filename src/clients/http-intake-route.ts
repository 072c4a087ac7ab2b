import { createHash } from "node:crypto";
import type { HttpAnswer, HttpHandler, HttpRequest } from "../lib/http-front.ts";
import type { Body } from "../lib/http-front-body.ts";
import type { Log } from "../lib/log.ts";
import type { HttpIntake } from "./http-intake.ts";
import { type BodyForm, bodyParts, type IntakePart, rejectedBody } from "./http-intake-parts.ts";

/** Largest body that is taken, as sent and unpacked. */
export const MOST_BODY_BYTES = 16 * 1024 * 1024;

/** How the parts of a body are made; `undefined`: its content type is not understood. */
export type Partition = (body: Buffer, request: HttpRequest) => Partitioned | undefined;

export interface Partitioned {
  /** From the content alone: what has the same name is the same. */
  readonly name: string;
  parts(): Iterable<IntakePart>;
}

export interface IntakeRouteOptions {
  readonly intake: HttpIntake;
  readonly partition: Partition;
  /** How long a request may wait until what it brought is durable, in milliseconds: less than its sender waits for an answer. */
  readonly withinMs: number;
  readonly log: Log;
}

const RETRY_SOON_S = "5";
const RETRY_WRONG_S = "60";

/**
 * Answers 200 once all of a body is durable and 503 for whatever may be different the next time. Only a body that can never be
 * taken, too large or damaged, is 413 or 400; its head is in the dead letter before that.
 */
export function intakeRoute(options: IntakeRouteOptions): HttpHandler {
  const { intake } = options;
  return async (request) => {
    if (!intake.open) return later("not ready yet: alerts are taken once there are indicators to match them against");
    const body = await request.body();
    if (body.kind !== "whole") return notWhole(body, request, options);
    const bytes = withoutMark(body.bytes);
    const made = options.partition(bytes, request);
    if (made === undefined) return unknownType(request, options.log);
    const taken = await offer(made, bytes.length, request, options);
    if (taken !== undefined) return { status: 200, body: taken };
    return later("what was sent is not durable yet: the journal is full, or the line is stopping or behind");
  };
}

/** Counts of what became durable; undefined: not all of it did. */
async function offer(
  { name, parts }: Partitioned,
  bytes: number,
  { signal }: HttpRequest,
  { intake, withinMs }: IntakeRouteOptions,
): Promise<{ taken: number; rejected: number } | undefined> {
  const counts = { taken: 0, rejected: 0 };
  function* counted(): Generator<IntakePart> {
    for (const part of parts()) {
      counts.taken += part.records.length;
      counts.rejected += part.rejected.length;
      yield part;
    }
  }
  const outcome = await intake.offer({ id: name, bytes, parts: counted }, withinMs, signal);
  return outcome === "durable" ? counts : undefined;
}

async function notWhole(
  body: Exclude<Body, { readonly kind: "whole" }>,
  request: HttpRequest,
  options: IntakeRouteOptions,
): Promise<HttpAnswer> {
  switch (body.kind) {
    case "busy":
      return later("too much is being taken at the moment");
    case "gone":
      return later("the body did not come to its end");
    case "encoding":
      options.log.warn("a body's encoding is not understood", { from: request.remote, encoding: body.encoding });
      return wrong(`expected Content-Encoding gzip, deflate or none, found ${body.encoding}`);
    case "too-large":
      return refused(413, body, `expected a body of at most ${MOST_BODY_BYTES} bytes, found more`, request, options);
    case "broken":
      return refused(400, body, `expected the body's encoding to hold, found: ${body.reason}`, request, options);
  }
}

/** The sender will throw it away: what there is of it is kept first. */
async function refused(
  status: 400 | 413,
  { head, length }: { readonly head: Buffer; readonly length: number },
  reason: string,
  request: HttpRequest,
  options: IntakeRouteOptions,
): Promise<HttpAnswer> {
  options.log.error("a body cannot be taken; its head is in the dead letter", {
    from: request.remote,
    length,
    reason,
  });
  const name = `refused:${hashOf(head)}:${length}`;
  const parts = () => [rejectedBody({ head, length, reason }, name, request.remote)];
  const kept = await offer({ name, parts }, head.length, request, options);
  return kept === undefined ? later("its head could not be kept yet") : { status, body: { error: reason } };
}

function unknownType(request: HttpRequest, log: Log): HttpAnswer {
  const type = (request.header("content-type") ?? "").slice(0, 100);
  log.warn("a body's content type is not understood; its sender is told to come again", { from: request.remote, type });
  return wrong(`expected Content-Type application/x-ndjson or application/json, found ${type}`);
}

function later(error: string): HttpAnswer {
  return { status: 503, body: { error }, headers: { "retry-after": RETRY_SOON_S } };
}

/** A setting of the sender's: it keeps what it has until somebody has put that right. */
function wrong(error: string): HttpAnswer {
  return { status: 503, body: { error }, headers: { "retry-after": RETRY_WRONG_S } };
}

/** Without UTF-8's byte order mark, which Windows' tools write and JSON does not know. */
function withoutMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 40);
}

const JSON_TYPES = new Set(["application/json", "text/json"]);
const LINE_TYPES = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/jsonlines",
  "application/x-jsonlines",
]);
/** Says nothing of the form; the last one is what curl sends when nobody tells it otherwise. */
const ANY_TYPES = new Set(["", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]);

/** A body of alerts: lines, or JSON. Undefined for a content type that is neither. */
export function alertBody(body: Buffer, request: HttpRequest): Partitioned | undefined {
  const form = formOf(request.header("content-type"), body);
  if (form === undefined) return undefined;
  const name = `http:${form}:${hashOf(body)}`;
  return { name, parts: () => bodyParts(body, form, name, request.remote) };
}

function formOf(contentType: string | undefined, body: Buffer): BodyForm | undefined {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (LINE_TYPES.has(type)) return "lines";
  if (JSON_TYPES.has(type)) return startsAsJson(body) ? "json" : "lines";
  if (!ANY_TYPES.has(type)) return undefined;
  return startsAsList(body) ? "json" : "lines";
}

function startsAsJson(body: Buffer): boolean {
  const first = firstByte(body);
  return first === 0x7b || first === 0x5b;
}

function startsAsList(body: Buffer): boolean {
  return firstByte(body) === 0x5b;
}

function firstByte(body: Buffer): number | undefined {
  for (let at = 0; at < body.length; at++) if ((body[at] as number) > 0x20) return body[at];
  return undefined;
}
