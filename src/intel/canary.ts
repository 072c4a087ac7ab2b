import type { Alert } from "../model/alert.ts";
import type { Indicator } from "../model/indicator.ts";
import { get, isJsonObject, text } from "../model/json.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import type { Generation } from "./generation.ts";
import type { Seals } from "./seals.ts";
import { smallIndex } from "./small-index.ts";

/** Where the queue has a canary's event come from; its rule looks for just this. */
export const CANARY_LOCATION = "tipline-canary";
/** No configured feed can have this name. */
export const CANARY_FEED = "tipline:canary";

/** An event of ours that Wazuh makes an alert of. */
export interface Canary {
  readonly id: string;
  readonly domain: string;
  /** ISO time. */
  readonly sent: string;
}

/** The canary's event as the queue gets it, without its location. */
export function canaryEvent({ id, domain, sent }: Canary): string {
  return JSON.stringify({ tipline_canary: { id, domain, sent } });
}

/**
 * The canary that an alert is, else undefined: its id and name must be sealed with our key, and nothing else may be in it, so that
 * no event can hide behind a canary.
 */
export function canaryOf({ location, event }: Alert, seals: Seals): Canary | undefined {
  if (location !== CANARY_LOCATION) return undefined;
  const data = get(event, "data");
  const body = get(data, "tipline_canary");
  if (!isJsonObject(data) || Object.keys(data).length !== 1 || !isJsonObject(body)) return undefined;
  const id = text(body, "id");
  const sent = text(body, "sent");
  if (id === undefined || sent === undefined || Object.keys(body).length !== 3) return undefined;
  if (text(body, "domain") !== seals.canaryName || !/^[-0-9T:.Z]{1,30}$/.test(sent)) return undefined;
  return seals.isCanaryId(id) ? { id, domain: seals.canaryName, sent } : undefined;
}

/**
 * The generation with the canary's name as an indicator of its own. What the user, a warninglist or a feed says about that one name
 * does not count: it must match whatever is configured. Every other value is judged as before.
 */
export function withCanary(generation: Generation, name: CanonicalValue): Generation {
  const { index, warninglists, policy } = generation;
  const builtIn = smallIndex([canaryIndicator(name)]);
  const isName = (type: ObservableType, value: string) => type === "domain" && value === name;
  return {
    ...generation,
    index: {
      get stats() {
        return index.stats;
      },
      lookup: (type, value) => (isName(type, value) ? builtIn : index).lookup(type, value),
      nominates: () => true,
      all: () => index.all(),
      close: () => undefined,
    },
    warninglists: {
      count: warninglists.count,
      entries: warninglists.entries,
      check: (type, value, types) => (isName(type, value) ? [] : warninglists.check(type, value, types)),
    },
    policy: {
      notLookedUp: (type, value) => (isName(type, value) ? undefined : policy.notLookedUp(type, value)),
      own: (type, value) => policy.own(type, value),
      allowed: (type, value, entity, time) =>
        isName(type, value) ? undefined : policy.allowed(type, value, entity, time),
    },
  };
}

/** `tlp:clear`: no ceiling may cut it down. */
function canaryIndicator(name: CanonicalValue): Indicator {
  return {
    type: "domain",
    pattern: "exact",
    value: name,
    reports: [
      {
        feed: CANARY_FEED,
        event: {
          id: "canary",
          uuid: "00000000-0000-4000-8000-000000000001",
          info: "Tipline's canary: proves that alerts are read, matched, delivered and alerted on. No threat.",
          orgc: "Tipline",
          threatLevel: 4,
          tags: ["tlp:clear"],
        },
        attributeUuid: "00000000-0000-4000-8000-000000000002",
        attributeType: "domain",
        category: "Other",
        attributeValue: name,
        toIds: true,
        weak: false,
        tags: [],
      },
    ],
  };
}
