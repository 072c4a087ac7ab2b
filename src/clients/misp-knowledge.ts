import { RemoteError, type RemoteKind } from "../lib/remote-error.ts";
import type { KnowledgeKind } from "../model/knowledge.ts";
import type { Misp } from "./misp.ts";
import { type DecayNeeds, decayingModels, taxonomies } from "./misp-knowledge-decay.ts";
import type { Asking, HeldVersions, MispKnowledgeWanted, MispPiece } from "./misp-knowledge-piece.ts";
import { falsePositives, sightings } from "./misp-knowledge-sightings.ts";
import { warninglists } from "./misp-knowledge-warninglists.ts";

/** Failures of the whole server: there is no point in asking for the next part. */
const OF_THE_SERVER: ReadonlySet<RemoteKind> = new Set(["unreachable", "tls", "auth", "paused", "aborted"]);

/**
 * Everything that a server knows beside indicators, a piece at a time. A part that fails by itself (forbidden for the key's
 * role, too slow, too large) stays as held. A throw: the server fails as a whole, or every part does.
 */
export async function* mispKnowledge(
  misp: Misp,
  wanted: MispKnowledgeWanted,
  held: HeldVersions,
  signal: AbortSignal,
): AsyncGenerator<MispPiece> {
  const asking: Asking = { ...wanted, misp, held, signal };
  const needs: DecayNeeds = { namespaces: new Set(), days: 0 };
  const parts: Parts = { read: 0 };
  if (wanted.warninglists) yield* part(parts, "warninglist", warninglists(asking), asking);
  const known = yield* part(parts, "decaying-model", decayingModels(asking, needs), asking);
  // What the models look at is not known without them.
  yield* known ? part(parts, "taxonomy", taxonomies(asking, needs), asking) : asHeld("taxonomy", asking);
  yield* part(parts, "false-positives", falsePositives(asking), asking);
  if (wanted.sightings)
    yield* known ? part(parts, "sightings", sightings(asking, needs.days), asking) : asHeld("sightings", asking);
  if (parts.read === 0 && parts.failure !== undefined) throw parts.failure;
}

interface Parts {
  read: number;
  failure?: Error;
}

/** The pieces of one kind; after a failure the rest of what is held, and false. */
async function* part(
  parts: Parts,
  kind: KnowledgeKind,
  pieces: AsyncIterable<MispPiece>,
  asking: Asking,
): AsyncGenerator<MispPiece, boolean> {
  const given = new Set<string>();
  try {
    for await (const piece of pieces) {
      given.add(piece.key);
      yield piece;
    }
    parts.read++;
    return true;
  } catch (thrown) {
    if (asking.signal.aborted || !(thrown instanceof RemoteError) || OF_THE_SERVER.has(thrown.kind)) throw thrown;
    parts.failure ??= thrown;
    asking.trouble(kind, thrown);
    yield* asHeld(kind, asking, given);
    return false;
  }
}

/** What is held of a kind, without what was given already. */
function* asHeld(kind: KnowledgeKind, { held }: Asking, given: ReadonlySet<string> = new Set()): Generator<MispPiece> {
  const start = `${kind}/`;
  for (const [name, version] of held) {
    const key = name.slice(start.length);
    if (name.startsWith(start) && !given.has(key)) yield { kind, key, version };
  }
}
