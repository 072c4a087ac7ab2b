import type { GraylogApi, PackInstallation } from "../../clients/graylog-api.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Check, fail, failedBy, ok, unseen, warn } from "../checks.ts";
import { LOOKUP_TABLE } from "./entities.ts";
import { PACK_ID } from "./pack.ts";

/** An input is started after it has been made. */
const START_MS = 15_000;
const PAUSE_MS = 500;
/** Reserved, so known to nobody: the answer says only that there is one. */
const PROBE = "tipline.invalid";

/** What the installed pack does in this Graylog, as Graylog says. */
export async function readBack(api: GraylogApi, clock: Clock, signal: AbortSignal): Promise<readonly Check[]> {
  const [installation] = await api.installations(PACK_ID, signal);
  if (installation === undefined) return [fail("pack", "not installed", "install it: tipline install graylog --url …")];
  const { revision, entities } = installation;
  const checks = [ok("pack", `revision ${revision}, ${entities.length} entities`)];
  for (const look of [streams, inputs, rules, lookup])
    try {
      checks.push(...(await look(api, installation, clock, signal)));
    } catch (error) {
      checks.push(failedBy(look.name, error));
    }
  return checks;
}

async function streams(
  api: GraylogApi,
  { entities }: PackInstallation,
  _: Clock,
  signal: AbortSignal,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { type, id, title } of entities)
    if (type === "stream") {
      const paused = await api.streamIsPaused(id, signal);
      checks.push(
        paused
          ? fail(`stream ${title}`, "paused", "resume it: nothing is routed to a paused stream")
          : ok(`stream ${title}`, "runs"),
      );
    }
  return checks;
}

async function inputs(
  api: GraylogApi,
  { entities }: PackInstallation,
  clock: Clock,
  signal: AbortSignal,
): Promise<Check[]> {
  const ours = entities.filter(({ type }) => type === "input");
  const until = clock.now() + START_MS;
  for (;;) {
    const states = await api.inputStates(signal);
    const done = ours.every(({ id }) => ["RUNNING", "FAILED", "FAILING"].includes(states.get(id) ?? ""));
    if (done || clock.now() >= until || signal.aborted)
      return ours.map(({ id, title }) => inputCheck(title, states.get(id)));
    await clock.sleep(PAUSE_MS, signal);
  }
}

function inputCheck(title: string, state: string | undefined): Check {
  if (state === "RUNNING") return ok(title, "listens");
  if (state?.startsWith("FAIL"))
    return fail(
      title,
      "does not start",
      "System → Inputs shows why: the port is taken, below 1024, or a certificate cannot be read",
    );
  return warn(
    title,
    state === undefined ? "not started" : state,
    "System → Inputs: 7.x may leave a new input in setup mode; start it",
  );
}

async function rules(api: GraylogApi, { entities }: PackInstallation, _: Clock, signal: AbortSignal): Promise<Check[]> {
  const ours = new Set(entities.filter(({ type }) => type === "pipeline_rule").map(({ title }) => title));
  const errors = [...(await api.ruleErrors(signal))].filter(([title]) => ours.has(title));
  if (errors.length === 0) return [ok("rules", `${ours.size}, and Graylog reads them all`)];
  return errors.map(([title, error]) =>
    fail(`rule ${title}`, `Graylog does not read it: ${error}`, "this is a fault of Tipline's pack: please report it"),
  );
}

async function lookup(api: GraylogApi, _: PackInstallation, __: Clock, signal: AbortSignal): Promise<Check[]> {
  const verdict = await api.lookup(LOOKUP_TABLE, PROBE, signal);
  const name = `lookup table ${LOOKUP_TABLE}`;
  if (verdict === "none") return [ok(name, "Tipline answers")];
  if (verdict !== undefined)
    return [unseen(name, `an answer that is none of Tipline's`, "check the URL of its adapter")];
  return [
    warn(
      name,
      "no answer",
      "does Tipline run, does Graylog's host reach it, is the token right? curl the adapter's URL from there",
    ),
  ];
}
