import { literalProblem, MAX_CHARACTERS, MAX_VALUE, MAX_VALUES, searchValues } from "../clients/misp-lookup.ts";
import type { Generation } from "../intel/generation.ts";
import { newCollection, readAttribute, uuidOf } from "../intel/misp-attribute.ts";
import { eventContext, orgcUuid } from "../intel/misp-event.ts";
import { createPolicy, NO_OWN_ASSETS, type OwnAssets } from "../intel/policy.ts";
import { dangerous } from "../intel/quarantine.ts";
import { indicatorsOf, smallIndex } from "../intel/small-index.ts";
import { ALWAYS_STANDING } from "../intel/standing.ts";
import type { WarninglistSet } from "../intel/warninglists.ts";
import { mapConcurrent } from "../lib/concurrent.ts";
import { TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Indicator, QuarantinedIndicator } from "../model/indicator.ts";
import { get, isJsonObject, type JsonObject } from "../model/json.ts";
import { type LookupResult, lookupValue } from "../pipeline/lookup.ts";
import { attributeTypesOf, type Sort, spellingsOf } from "../pipeline/lookup-spellings.ts";
import { type CachedAnswer, isFresh } from "./live-cache.ts";
import type { LiveServer } from "./live-servers.ts";

/** What the servers say of one value. */
export interface LiveAnswer {
  readonly result: LookupResult;
  /** Known to a server, but dangerous to match (a network too wide, the hash of the empty file …). */
  readonly refused: readonly QuarantinedIndicator[];
  /** Why no server was asked: the value means something else to MISP's search. */
  readonly notAsked?: string;
  /** A spelling that MISP may hold but that could not be asked for, and why: not known is not known for sure. */
  readonly leftOut?: string;
  readonly servers: readonly ServerAnswer[];
}

export interface ServerAnswer {
  readonly server: string;
  /** When it said so, epoch milliseconds; undefined: it never did. */
  readonly at: number | undefined;
  readonly cached: boolean;
  /** The server could not be asked, and this is what it said too long ago to rely on. */
  readonly stale: boolean;
  readonly complete: boolean;
  /** Why it could not be asked. */
  readonly error?: string;
}

export interface LiveLookupOptions {
  readonly servers: readonly LiveServer[];
  readonly warninglists: WarninglistSet;
  readonly own?: OwnAssets;
  readonly now: () => number;
}

/** Values that are looked up together; the answers of a group come before the next one is asked for. */
const GROUP = 250;
/** Values of one call. */
export const MOST_LIVE_VALUES = 10_000;

/**
 * Asks MISP servers about values, in order. Nothing reaches a search that it could take for more than the value itself, and
 * every attribute that comes back counts only when it covers the value here, as an index would have it. Servers that cannot be
 * asked are named in the answers; it throws only for a wrong call or when `signal` aborts.
 */
export async function* lookupLive(
  values: readonly string[],
  options: LiveLookupOptions,
  signal: AbortSignal,
): AsyncGenerator<LiveAnswer> {
  if (values.length > MOST_LIVE_VALUES)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected at most ${MOST_LIVE_VALUES} values at once, got ${values.length}: for more, sync the server and look up without --live`,
    );
  for (let at = 0; at < values.length; at += GROUP) {
    const questions = values.slice(at, at + GROUP).map(questionOf);
    const asked = questions.filter(({ notAsked }) => notAsked === undefined);
    const answers: (readonly [LiveServer, Map<string, Said>])[] = [];
    for (const server of options.servers) answers.push([server, await askServer(server, asked, options, signal)]);
    if (signal.aborted) throw new RemoteError("aborted", "stopped before all values were asked for");
    for (const question of questions) yield answerOf(question, answers, options);
  }
  for (const { cache } of options.servers) cache.save();
}

interface Question {
  /** As typed, without the blanks around it. */
  readonly value: string;
  readonly spellings: ReadonlyMap<Sort, readonly string[]>;
  readonly notAsked?: string;
  readonly leftOut?: string;
}

/** Leaves out each spelling that would not be taken literally; without any left the value is not asked for. */
function questionOf(raw: string): Question {
  const value = raw.trim();
  const spellings = new Map<Sort, readonly string[]>();
  if (value.length > MAX_VALUE) return { value, spellings, notAsked: literalProblem(value) ?? "" };
  let leftOut: string | undefined;
  for (const [sort, all] of spellingsOf(value)) {
    const problems = all.map(literalProblem);
    const literal = all.filter((_, at) => problems[at] === undefined);
    if (literal.length > 0) spellings.set(sort, literal);
    const out = problems.findIndex((problem) => problem !== undefined);
    if (out >= 0) leftOut ??= `${all[out]}: ${problems[out]}`;
  }
  if (spellings.size > 0) return { value, spellings, ...(leftOut === undefined ? {} : { leftOut }) };
  return { value, spellings, notAsked: literalProblem(value) ?? leftOut ?? "it is nothing that an alert can carry" };
}

interface Said {
  readonly answer?: CachedAnswer;
  readonly cached: boolean;
  readonly error?: string;
}

async function askServer(
  server: LiveServer,
  questions: readonly Question[],
  { warninglists, own, now }: LiveLookupOptions,
  signal: AbortSignal,
): Promise<Map<string, Said>> {
  const said = new Map<string, Said>();
  const pending = new Map<string, Question>();
  for (const question of questions) {
    const answer = server.cache.get(question.value);
    if (answer !== undefined && isFresh(answer, now())) said.set(question.value, { answer, cached: true });
    else pending.set(question.value, question);
  }
  if (pending.size === 0) return said;
  try {
    const { indicators, cut } = await fetch(server, [...pending.values()], signal);
    const at = now();
    const generation = generationOf(indicators, warninglists, own);
    for (const [value, { spellings }] of pending) {
      const complete = cut.size === 0 || ![...spellings.values()].flat().some((each) => cut.has(each.toLowerCase()));
      const answer = { at, complete, indicators: lookupValue(value, generation).indicators };
      server.cache.put(value, answer);
      said.set(value, { answer, cached: false });
    }
  } catch (thrown) {
    if (!(thrown instanceof RemoteError) || thrown.kind === "aborted") throw thrown;
    for (const value of pending.keys()) {
      const answer = server.cache.get(value);
      said.set(value, {
        cached: answer !== undefined,
        error: thrown.message,
        ...(answer === undefined ? {} : { answer }),
      });
    }
  }
  return said;
}

/** What the server has under any spelling of the questions; `cut`: spellings in lower case of which it has more. */
async function fetch(
  { name, url, misp, toIdsOnly, publishedOnly, filter }: LiveServer,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<{ readonly indicators: readonly Indicator[]; readonly cut: ReadonlySet<string> }> {
  const into = newCollection();
  const read = (row: JsonObject): void => {
    const record = get(row, "Event");
    if (!isJsonObject(record) || uuidOf(get(record, "uuid")) === undefined) return;
    const event = eventContext(record, url);
    if ((publishedOnly && event.published !== true) || filter?.event(event, orgcUuid(record)) !== undefined) return;
    readAttribute(row, event, { feed: name, toIdsOnly, ...(filter === undefined ? {} : { filter }) }, into);
  };
  const batches = (["network", "hash", "host"] as const).flatMap((sort) =>
    inBatches(questions.flatMap(({ spellings }) => spellings.get(sort) ?? [])).map((values) => ({
      values,
      types: attributeTypesOf(sort),
      toIdsOnly,
      publishedOnly,
    })),
  );
  const cut = new Set<string>();
  for await (const values of mapConcurrent(batches, 2, (batch) => searchValues(misp, batch, read, signal)))
    for (const value of values) cut.add(value.toLowerCase());
  return { indicators: indicatorsOf(into.indicators), cut };
}

function inBatches(spellings: readonly string[]): readonly (readonly string[])[] {
  const distinct = new Map(spellings.map((spelling) => [spelling.toLowerCase(), spelling]));
  const batches: string[][] = [];
  let last: string[] = [];
  let characters = 0;
  for (const spelling of distinct.values()) {
    if (last.length === 0 || last.length === MAX_VALUES || characters + spelling.length > MAX_CHARACTERS) {
      last = [];
      characters = 0;
      batches.push(last);
    }
    last.push(spelling);
    characters += spelling.length;
  }
  return batches;
}

function answerOf(
  { value, notAsked, leftOut }: Question,
  answers: readonly (readonly [LiveServer, ReadonlyMap<string, Said>])[],
  { warninglists, own, now }: LiveLookupOptions,
): LiveAnswer {
  const servers: ServerAnswer[] = [];
  const known: Indicator[] = [];
  const refused: QuarantinedIndicator[] = [];
  for (const [server, said] of answers) {
    const { answer, cached = false, error } = said.get(value) ?? {};
    if (answer === undefined && error === undefined) continue;
    servers.push({
      server: server.name,
      at: answer?.at,
      cached,
      stale: answer !== undefined && cached && !isFresh(answer, now()),
      complete: answer?.complete ?? false,
      ...(error === undefined ? {} : { error }),
    });
    for (const indicator of answer?.indicators ?? []) {
      const reason = dangerous(indicator);
      if (reason === undefined) known.push(indicator);
      else refused.push(...quarantined(indicator, reason));
    }
  }
  return {
    result: lookupValue(value, generationOf(known, warninglists, own)),
    refused,
    servers,
    ...(notAsked === undefined ? {} : { notAsked }),
    ...(leftOut === undefined ? {} : { leftOut }),
  };
}

function quarantined({ reports }: Indicator, reason: string): readonly QuarantinedIndicator[] {
  return reports.map(({ feed, event, attributeUuid, attributeType, attributeValue }) => ({
    feed,
    eventUuid: event.uuid,
    attributeUuid,
    attributeType,
    value: attributeValue,
    reason,
  }));
}

function generationOf(
  indicators: readonly Indicator[],
  warninglists: WarninglistSet,
  own: OwnAssets = NO_OWN_ASSETS,
): Generation {
  return {
    id: "live",
    createdAt: 0,
    index: smallIndex(indicators),
    warninglists,
    policy: createPolicy(own, []),
    standing: ALWAYS_STANDING,
  };
}
