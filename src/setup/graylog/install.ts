import type { GraylogApi, PackInstallation } from "../../clients/graylog-api.ts";
import { asError, TiplineError } from "../../lib/errors.ts";
import { RemoteError } from "../../lib/remote-error.ts";
import type { JsonObject } from "../../model/json.ts";
import {
  allowedWith,
  allowedWithout,
  hasContent,
  type InstallState,
  isInstalled,
  refuseNewer,
  refuseTakenPorts,
} from "./install-state.ts";
import { commentOf, type PackOptions } from "./options.ts";
import { type ContentPack, PACK_ID } from "./pack.ts";
import type { Reference } from "./value.ts";

/** One change in Graylog. */
export interface Step {
  readonly what: string;
  readonly why: string;
  run(signal: AbortSignal): Promise<void>;
}

export interface InstallRequest {
  readonly api: GraylogApi;
  readonly pack: ContentPack;
  readonly options: PackOptions;
  readonly values: Readonly<Record<string, Reference>>;
}

/** What is to be done so that this pack, with these values, is installed and its streams run; empty when it is so. */
export async function planInstall(
  request: InstallRequest,
  state: InstallState,
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const { api, pack, options, values } = request;
  refuseNewer(state, pack);
  refuseTakenPorts(state, options);
  const steps: Step[] = [];
  const allowed = allowedWith(state.allowlist, options);
  if (allowed !== undefined)
    steps.push({
      what: "allow Tipline's two URLs",
      why: "Graylog asks and notifies nobody who is not on its list of allowed URLs",
      run: (until) => api.saveAllowlist(allowed, until),
    });
  if (!isInstalled(state, pack, values)) return [...steps, ...replaceSteps(request, state)];
  const [installation] = state.installed;
  const paused = installation === undefined ? [] : await pausedStreams(api, installation, signal);
  return [...steps, ...paused.map(({ id, title }) => resumeStep(api, id, title))];
}

/** Takes away what an earlier installation made, uploads and installs; what fails on the way puts the earlier one back. */
function replaceSteps({ api, pack, options, values }: InstallRequest, state: InstallState): readonly Step[] {
  const outdated = state.revisions.get(pack.rev);
  const replaces = outdated !== undefined && !hasContent(state, pack);
  const removed: PackInstallation[] = [];
  const guarded =
    (run: Step["run"]): Step["run"] =>
    async (signal) => {
      try {
        await run(signal);
      } catch (error) {
        throw await putBack(api, error, removed, replaces ? outdated : undefined);
      }
    };
  const steps: Step[] = state.installed.map((installation) => ({
    what: `uninstall revision ${installation.revision}`,
    why: `${installation.revision === pack.rev ? "it was made with other settings" : "a newer revision takes its place"}; what you added to its events, stream and pipelines (notifications, index set, connections) goes with it`,
    run: guarded(async (signal) => {
      await api.uninstallPack(PACK_ID, installation.id, signal);
      removed.push(installation);
    }),
  }));
  if (replaces)
    steps.push({
      what: `delete revision ${pack.rev}`,
      why: "its content is another one; Graylog keeps one content for a revision",
      run: guarded((signal) => api.deletePack(PACK_ID, pack.rev, signal)),
    });
  if (outdated === undefined || replaces)
    steps.push({
      what: `upload revision ${pack.rev} (${pack.entities.length} entities)`,
      why: "Graylog does not have it",
      run: guarded((signal) => api.uploadPack(pack, signal)),
    });
  steps.push({
    what: "install it and resume its streams",
    why: "Graylog 7 leaves a pack's streams paused, and nothing is routed to a paused stream",
    run: guarded(async (signal) => {
      const comment = commentOf(options);
      const made = await api.installPack({ id: PACK_ID, revision: pack.rev, parameters: values, comment }, signal);
      for (const { id } of await pausedStreams(api, made, signal)) await api.resumeStream(id, signal);
    }),
  });
  return steps;
}

/** The error to throw, with what became of the earlier installation. Not stopped by the signal that may have caused it. */
async function putBack(
  api: GraylogApi,
  cause: unknown,
  removed: readonly PackInstallation[],
  content: JsonObject | undefined,
): Promise<unknown> {
  if (removed.length === 0) return cause;
  const signal = AbortSignal.timeout(60_000);
  const failed = asError(cause).message;
  try {
    for (const { revision, parameters, comment } of removed) {
      if (content !== undefined) await restoreContent(api, revision, content, signal);
      const made = await api.installPack({ id: PACK_ID, revision, parameters, comment }, signal);
      for (const { id } of await pausedStreams(api, made, signal)) await api.resumeStream(id, signal);
    }
  } catch (again) {
    return new TiplineError(
      "TIP_INPUT_INVALID",
      `${failed}; what was installed before could not be put back either (${asError(again).message}): run it again with all options and tokens, Graylog has none of them any more`,
      { cause },
    );
  }
  return new TiplineError("TIP_INPUT_INVALID", `${failed}; what was installed before is installed again`, { cause });
}

async function restoreContent(
  api: GraylogApi,
  revision: number,
  content: JsonObject,
  signal: AbortSignal,
): Promise<void> {
  const found = (await api.packRevisions(PACK_ID, signal)).get(revision);
  if (found !== undefined && found["description"] === content["description"]) return;
  if (found !== undefined) await api.deletePack(PACK_ID, revision, signal);
  await api.uploadPack(content, signal);
}

/** Streams of an installation that are paused; one that somebody deleted is none. */
async function pausedStreams(api: GraylogApi, { entities }: PackInstallation, signal: AbortSignal) {
  const paused: { readonly id: string; readonly title: string }[] = [];
  for (const { type, id, title } of entities)
    if (type === "stream") {
      try {
        if (await api.streamIsPaused(id, signal)) paused.push({ id, title });
      } catch (error) {
        if (!(error instanceof RemoteError) || error.kind !== "not-found") throw error;
      }
    }
  return paused;
}

const resumeStep = (api: GraylogApi, id: string, title: string): Step => ({
  what: `resume the stream ${title}`,
  why: "it is paused, and nothing is routed to a paused stream",
  run: (signal) => api.resumeStream(id, signal),
});

/** What is to be done so that nothing of the pack is left. */
export function planUninstall(
  { api, options }: Pick<InstallRequest, "api" | "options">,
  state: InstallState,
): readonly Step[] {
  const steps: Step[] = state.installed.map(({ id, revision, entities }) => ({
    what: `uninstall revision ${revision} (${entities.length} entities)`,
    why: "inputs, stream, rules, events, lookup table and dashboard go; messages stay",
    run: (signal) => api.uninstallPack(PACK_ID, id, signal),
  }));
  for (const revision of state.revisions.keys())
    steps.push({
      what: `delete revision ${revision}`,
      why: "so that it is not offered any more",
      run: (signal) => api.deletePack(PACK_ID, revision, signal),
    });
  const left = allowedWithout(state.allowlist, options);
  if (left !== undefined)
    steps.push({
      what: "take Tipline's URLs off the list of allowed ones",
      why: "nothing asks for them any more",
      run: (signal) => api.saveAllowlist(left, signal),
    });
  return steps;
}
