import type { WazuhApi } from "../clients/wazuh-api.ts";
import { connectWazuhApi, type WazuhApiSettings } from "../clients/wazuh-api-connection.ts";
import { systemClock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { type Check, fail, failedBy, ok, skip, unseen } from "./checks.ts";
import { connectionChecks } from "./doctor-connection.ts";
import type { Hop } from "./doctor-line-walk.ts";
import type { WazuhFacts } from "./doctor-wazuh-facts.ts";
import { IDS, readRules } from "./doctor-wazuh-rule-facts.ts";
import { compileTest } from "./wazuh/rule-catalog-pattern.ts";

/** A sink of type wazuh-api, as it is configured. */
export interface WazuhApiSubject {
  readonly name: string;
  readonly settings: WazuhApiSettings;
  /** Command that restarts Tipline. */
  readonly restart: string;
  readonly now: () => number;
}

/** The hop of a sink of type wazuh-api. */
export const wazuhApiHopOf = (sink: string): string => `wazuh-api ${sink}`;

const PEER = { server: "the Wazuh server API", secret: "the password" };

/** Name, port, certificate, login, and the right to send events: all that can be asked without sending one. */
export function wazuhApiHop(subject: WazuhApiSubject): Hop {
  const hop = wazuhApiHopOf(subject.name);
  return {
    name: hop,
    needs: ["configuration", "secrets"],
    look: async (_, signal) => {
      const checks: Check[] = [];
      for await (const check of wazuhApi(subject, signal)) checks.push({ ...check, name: `${hop}: ${check.name}` });
      return checks;
    },
  };
}

async function* wazuhApi(subject: WazuhApiSubject, signal: AbortSignal): AsyncGenerator<Check> {
  const { name, settings, restart, now } = subject;
  let api: WazuhApi;
  try {
    api = connectWazuhApi(settings, systemClock);
  } catch (thrown) {
    // That its files are there is known already: they are not for whoever asks.
    yield unseen("login", asError(thrown).message, "sudo tipline doctor");
    return;
  }
  try {
    for await (const check of connectionChecks(PEER, settings, now(), signal)) {
      yield check.status === "fail" ? { ...check, advice: connectionRemedy(check, name, restart) } : check;
      if (check.status === "fail") return;
    }
    yield rights(await api.mayIngest(signal), settings.user);
  } catch (thrown) {
    yield failedBy("login", thrown, loginRemedy(thrown, name, restart));
  } finally {
    await api.close();
  }
}

function connectionRemedy({ name: about }: Check, sink: string, restart: string): string {
  return about === "certificate"
    ? `correct sinks.${sink}.ca_file or the server's certificate, then ${restart}`
    : `start the manager's API or correct sinks.${sink}.url, then ${restart}`;
}

function loginRemedy(thrown: unknown, sink: string, restart: string): string {
  const kind = thrown instanceof RemoteError ? thrown.kind : undefined;
  const what = kind === "auth" || kind === "forbidden" ? "user and password" : "url";
  return `correct ${what} of sinks.${sink}, then ${restart}`;
}

function rights(may: boolean | undefined, user: string): Check {
  if (may === undefined) return ok("login", `${user} is taken; whether it may send events is not told`);
  return may
    ? ok("login", `${user} is taken, and may send events`)
    : fail(
        "rights",
        `no role of user ${user} allows event:ingest: every finding is refused`,
        `give user ${user} a role with a policy that allows event:ingest on *:*:* (see docs/wazuh-api.md)`,
      );
}

/** The location of all that comes in by `POST /events`. */
const API_LOCATION = "API-Webhook";
export const API_RULES = "rules for the API";

/** Where findings come in by the API, our rules must take its location, which they do not unless they were installed so. */
export function apiRulesHop(facts: WazuhFacts, install: string): Hop {
  return {
    name: API_RULES,
    needs: ["rules file", "rules readable", "rules XML"],
    look: () => [apiRules(facts, install)],
  };
}

function apiRules(facts: WazuhFacts, install: string): Check {
  const { catalog, ours } = readRules(facts);
  const parent = catalog.rules.find(
    ({ id, file, overwrite }) => id === IDS.parent && ours.includes(file) && !overwrite,
  );
  if (parent === undefined) return skip(API_RULES, `no rule ${IDS.parent} in ${ours.join(", ") || "any file"}`);
  const takes = parent.location === undefined || compileTest(parent.location)?.(API_LOCATION) !== false;
  if (takes) return ok(API_RULES, `${parent.file} takes ${API_LOCATION}`);
  return fail(
    API_RULES,
    `${parent.file} does not take location ${API_LOCATION}: what a sink of type wazuh-api sends is no alert`,
    `${install} --api`,
  );
}
