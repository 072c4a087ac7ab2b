import { setImmediate as nextTurn } from "node:timers/promises";
import type { Config } from "../config/load.ts";
import type { Generation } from "../intel/generation.ts";
import type { Clock } from "../lib/clock.ts";
import type { HttpAnswer, HttpFront, HttpRequest } from "../lib/http-front.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import { judgeValue, type LookupWord } from "../pipeline/lookup-verdict.ts";

const PATH = "/v1/lookup";
const MOST_BODY_BYTES = 1024 * 1024;
/** Values of one POST. */
const MOST_VALUES = 1_000;
/** Lookups without a break for others, in milliseconds: what takes long is decided by who asks. */
const SLICE_MS = 20;

/** What a lookup needs of the line. */
export interface LookupParts {
  readonly generation: () => Generation;
  readonly clock: Clock;
  readonly onVerdict: (word: LookupWord) => void;
}

/**
 * `GET /v1/lookup?value=…` and `POST /v1/lookup` with `{"values": […]}`, answered from memory. A well-formed request is answered
 * 200 with every member, whatever is known: Graylog's HTTP-JSONPath adapter takes anything else for a failed lookup.
 */
export function mountLookup(http: HttpFront, settings: NonNullable<Config["lookup"]>, parts: LookupParts): void {
  const token = secretFrom(settings.token_file, settings.token, "lookup.token_file");
  const judge = (value: string) => {
    const verdict = judgeValue(value, parts.generation(), settings.max_tlp, parts.clock.now());
    parts.onVerdict(verdict.verdict);
    return verdict;
  };
  http.mount("GET", PATH, ({ query }) => answerOne(query, judge), { owner: "lookup", token });
  http.mount("POST", PATH, (request) => answerMany(request, judge), {
    owner: "lookup",
    token,
    maxBodyBytes: MOST_BODY_BYTES,
  });
}

type Judge = (value: string) => object;

function answerOne(query: string, judge: Judge): HttpAnswer {
  const value = askedFor(query);
  if (value === undefined) return malformed("expected ?value=VALUE, percent-encoded in UTF-8");
  return { status: 200, body: judge(value) };
}

/** A plus sign is a plus sign: Graylog writes blanks as `%20`, and indicators hold plus signs rather than blanks. */
function askedFor(query: string): string | undefined {
  for (const pair of query.split("&")) {
    if (!pair.startsWith("value=")) continue;
    try {
      return decodeURIComponent(pair.slice("value=".length));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

async function answerMany(request: HttpRequest, judge: Judge): Promise<HttpAnswer> {
  const body = await request.body();
  if (body.kind === "too-large") return { status: 413, body: { error: `expected at most ${MOST_BODY_BYTES} bytes` } };
  if (body.kind === "busy" || body.kind === "gone")
    return { status: 503, body: { error: "too much is being taken at the moment" }, headers: { "retry-after": "2" } };
  const values = body.kind === "whole" ? valuesOf(body.bytes) : undefined;
  if (values === undefined) return malformed(`expected {"values": [at most ${MOST_VALUES} texts]} as JSON in UTF-8`);
  const results: object[] = [];
  let since = performance.now();
  for (const value of values) {
    results.push(judge(value));
    if (performance.now() - since <= SLICE_MS) continue;
    await nextTurn();
    since = performance.now();
  }
  return { status: 200, body: { results } };
}

function valuesOf(bytes: Buffer): readonly string[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
  const values: unknown =
    Array.isArray(document) || typeof document !== "object" || document === null || !Object.hasOwn(document, "values")
      ? document
      : (document as { readonly values: unknown }).values;
  if (!Array.isArray(values) || values.length > MOST_VALUES) return undefined;
  return values.every((value) => typeof value === "string") ? values : undefined;
}

function malformed(error: string): HttpAnswer {
  return { status: 400, body: { error } };
}
