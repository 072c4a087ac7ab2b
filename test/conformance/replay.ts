import { request as httpRequest } from "node:http";
import type { TestContext } from "node:test";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import type { Answer } from "./compare.ts";
import { type Harvest, harvest, parse, type Row, rowsIn } from "./harvest.ts";
import type { RecordedRequest, Recording } from "./recordings.ts";
import { putGalaxies } from "./seed-galaxies.ts";
import { PEOPLE, putModels, putTags, putTaxonomies, putWarninglists } from "./seed-server.ts";
import { STEPS } from "./timeline.ts";

/** The recorded server once more: takes the recordings in their order, each at its time. */
export interface Replay {
  readonly sim: MispSim;
  send(recording: Recording): Promise<Answer>;
}

export async function startReplay(
  t: Pick<TestContext, "after">,
  recordings: readonly Recording[],
  listsFolder: string,
): Promise<Replay> {
  let clock = (recordings[0]?.at ?? 0) * 1000;
  const sim = createMispSim({ ...PEOPLE, clock: () => clock });
  const seen = harvest(recordings);
  seedServer(sim, recordings, listsFolder, seen);
  const url = await serveMispSim(t, sim);
  return {
    sim,
    async send(recording) {
      for (const step of STEPS) {
        if (step.before !== recording.name) continue;
        clock = (step.at ?? recording.at) * 1000;
        step.apply(sim, seen);
      }
      clock = momentOf(recording) * 1000;
      return recording.response.bytes > LARGE_BYTES ? direct(sim, recording.request) : exchange(url, recording.request);
    },
  };
}

function seedServer(sim: MispSim, recordings: readonly Recording[], listsFolder: string, seen: Harvest): void {
  const { state } = sim;
  const answerOf = (name: string): unknown => parse(recordings.find((each) => each.name === name)?.response.body);
  state.uuid = (
    (fallback) => (table, id) =>
      seen.uuid(table, id) ?? fallback(table, id)
  )(state.uuid);
  putTags(state, answerOf("tags_index_all") as Row);
  putWarninglists(state, answerOf("warninglists_index") as Row, listsFolder);
  putTaxonomies(
    state,
    answerOf("taxonomies_index") as Row[],
    answerOf("taxonomies_view_tlp") as Row,
    answerOf("tags_index_all") as Row,
  );
  putModels(state, answerOf("decayingModel_index") as Row[]);
  putGalaxies(state, recordings);
  for (const row of recordings.flatMap(({ response }) => [...rowsIn(parse(response.body))])) {
    const group = row["SharingGroup"] as Row | undefined;
    if (group !== undefined && "organisation_uuid" in group) state.sharingGroups.set(Number(group["id"]), group);
  }
}

/** Answers above this are taken from the simulator without a socket between: 168 MB each would take minutes. */
const LARGE_BYTES = 20_000_000;

function direct(sim: MispSim, { method, path, headers, body = Buffer.alloc(0) }: RecordedRequest): Answer {
  const lower = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  const answer = sim.handle({ method, path, headers: Object.fromEntries(lower), body });
  const named = Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return { status: answer.status, headers: new Map(named), body: answer.body };
}

const SLOWEST_WRITE_S = 3;

/** The second in which the server worked: of a write the newest time stamp in its answer, which may be just before its Date. */
function momentOf({ at, request, response }: Recording): number {
  if (request.method === "GET" || /restSearch|index/.test(request.path)) return at;
  let newest = 0;
  for (const row of rowsIn(parse(response.body))) {
    const stamp = Number(row["timestamp"] ?? 0);
    if (stamp <= at && stamp > at - SLOWEST_WRITE_S) newest = Math.max(newest, stamp);
  }
  return newest || at;
}

function exchange(url: string, { method, path, headers, body }: RecordedRequest): Promise<Answer> {
  const { hostname, port, host } = new URL(url);
  const length = body === undefined ? [] : ["Content-Length", String(body.length)];
  const sentHeaders = ["Host", host, ...headers.flat(), ...length];
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, headers: sentHeaders, agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: new Map(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
          body: Buffer.concat(pieces).toString(),
        }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
