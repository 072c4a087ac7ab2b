import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { json, serve, type TestRequest } from "./http-server.ts";

export const SIGHTING_KEY = "0123456789abcdefghijABCDEFGHIJ0123456789";
export const OWN_ORG = { id: "1", uuid: "38a9770a-221a-4613-a6ec-b2b9b045f5fd", name: "LAB-CERT" };

export interface StoredSighting {
  readonly uuid: string;
  readonly attribute: string;
  readonly type: string;
  readonly source: string;
  readonly time: number;
  readonly orgId: string;
  readonly receivedAt: number;
}

/** What becomes of one write: stored and answered; stored and the answer lost; not stored, with an error or a cut. */
export type Fate = "ok" | "lost" | "cut" | 403 | 429 | 500;

const FORBIDDEN = "You do not have permission to use this functionality.";

/** The part of MISP that keeps sightings, in the recorded shapes; every attribute of every event exists unless it is in `unknown`. */
export class FakeSightings {
  readonly stored: StoredSighting[] = [];
  readonly requests: TestRequest[] = [];
  /** Attributes and events that this MISP does not have. */
  readonly unknown = new Set<string>();
  /** A server that keeps bulks for synchronisation users. */
  bulkForbidden = false;
  forbidden = false;
  fate: (request: TestRequest) => Fate = () => "ok";
  now: () => number = Date.now;
  url = "";

  static async start(t: TestContext): Promise<FakeSightings> {
    const fake = new FakeSightings();
    fake.url = await serve(t, (request, response) => void fake.#answer(request, response));
    return fake;
  }

  /** How often each attribute was sighted on each UTC day. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { attribute, time, type } of this.stored) {
      const key = `${attribute} ${Math.floor(time / 86_400)} ${type}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  #answer(request: TestRequest, response: ServerResponse): unknown {
    this.requests.push(request);
    const { path } = request;
    const refuse = (message: string, status: number) => json(response, status, { name: message, message, url: path });
    if (request.headers.authorization !== SIGHTING_KEY) return refuse("Authentication failed.", 403);
    if (path === "/users/view/me")
      return json(response, 200, {
        User: { id: "1", org_id: OWN_ORG.id },
        Role: { name: "User", perm_sighting: !this.forbidden },
        Organisation: OWN_ORG,
      });
    const fate = this.fate(request);
    if (fate === "cut") return response.destroy();
    if (fate === 429) return json(response, 429, { name: "Rate limit exceeded." }, { "retry-after": "7" });
    if (fate === 500 || fate === 403) return refuse(fate === 403 ? FORBIDDEN : "An Internal Error Has Occurred.", fate);
    if (path.startsWith("/sightings/restSearch")) return this.#search(request, response);
    if (this.forbidden) return refuse(FORBIDDEN, 403);
    const [, , action, target = ""] = path.split("/");
    const body = JSON.parse(request.body);
    const answer = action === "bulkSaveSightings" ? this.#bulk(target, body) : this.#add(target || body.uuid, body);
    if (fate === "lost") return response.destroy();
    return json(response, answer.status ?? 200, answer.body);
  }

  #bulk(event: string, rows: readonly Record<string, string>[]): { status?: number; body: unknown } {
    if (this.bulkForbidden) return { status: 403, body: { name: FORBIDDEN, message: FORBIDDEN } };
    const missing = "Event not found or not accessible by this user.";
    if (this.unknown.has(event)) return { status: 405, body: { name: missing, message: missing } };
    let saved = 0;
    for (const row of rows) {
      if (this.unknown.has(row["attribute_uuid"] ?? "") || this.stored.some(({ uuid }) => uuid === row["uuid"]))
        continue;
      this.#store(row["uuid"] ?? "", row["attribute_uuid"] ?? "", row, Number(row["date_sighting"]));
      saved++;
    }
    const success = saved > 0 ? `${saved} sightings added.` : "No sightings added.";
    return { body: { saved: saved > 0, success } };
  }

  #add(attribute: string, row: Record<string, string>): { status?: number; body: unknown } {
    if (this.unknown.has(attribute))
      return {
        body: { message: "Could not add the Sighting. Reason: No valid attributes found that match the criteria." },
      };
    const { orgId, ...stored } = this.#store(`single-${this.stored.length}`, attribute, row, Number(row["timestamp"]));
    return { body: { Sighting: { ...stored, org_id: orgId, date_sighting: String(stored.time) } } };
  }

  #store(uuid: string, attribute: string, row: Record<string, string>, time: number): StoredSighting {
    const { type = "0", source = "" } = row;
    const sighting = { uuid, attribute, type, source, time, orgId: OWN_ORG.id, receivedAt: this.now() };
    this.stored.push(sighting);
    return sighting;
  }

  #search({ path, body }: TestRequest, response: ServerResponse): void {
    const filter = JSON.parse(body);
    const rows = this.stored
      .filter(({ attribute }) => !path.endsWith("/attribute") || filter.uuid === attribute)
      .filter(({ source }) => filter.source === undefined || source === filter.source)
      .filter(({ type }) => filter.type === undefined || type === filter.type)
      .filter(({ time }) => time >= Number(filter.from) && time <= Number(filter.to))
      .map(({ attribute, time, orgId, uuid, source, type }) => ({
        Sighting: {
          id: "1",
          attribute_id: "2",
          event_id: "1",
          org_id: orgId,
          date_sighting: String(time),
          uuid,
          source,
          type,
          value: "x",
          ...(filter.includeAttribute ? { Attribute: { id: "2", uuid: attribute, type: "ip-dst" } } : {}),
          Organisation: orgId === OWN_ORG.id ? OWN_ORG : { id: orgId, name: `ORG-${orgId}` },
        },
      }));
    json(response, 200, { response: rows }, { "x-result-count": "0" });
  }
}
