import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { json, serve, type TestRequest } from "./http-server.ts";

export const KEY = "0123456789abcdefghijABCDEFGHIJ0123456789";

export interface FakeAttribute {
  readonly uuid: string;
  readonly type: string;
  readonly value: string;
  readonly to_ids?: boolean;
  readonly deleted?: boolean;
  readonly tags?: readonly string[];
}

export interface FakeEvent {
  readonly id: string;
  readonly uuid: string;
  timestamp: number;
  published: boolean;
  info?: string;
  tags?: readonly string[];
  attributes: FakeAttribute[];
}

/** Just enough of MISP 2.5's REST API for a pull: event index, events and attributes restSearch, in the recorded shapes. */
export class FakeMisp {
  readonly events = new Map<string, FakeEvent>();
  readonly requests: TestRequest[] = [];
  /** May answer instead; returns true when it did. */
  interfere: ((request: TestRequest, response: ServerResponse) => boolean) | undefined;
  url = "";

  static async start(t: TestContext, options: { readonly tls?: boolean } = {}): Promise<FakeMisp> {
    const misp = new FakeMisp();
    misp.url = await serve(t, (request, response) => misp.#answer(request, response), options);
    return misp;
  }

  add(event: FakeEvent): void {
    this.events.set(event.id, event);
  }

  #answer(request: TestRequest, response: ServerResponse): void {
    this.requests.push(request);
    if (this.interfere?.(request, response)) return;
    if (request.headers.authorization !== KEY) {
      const message =
        "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header.";
      json(response, 403, { name: message, message, url: request.path });
      return;
    }
    if (request.path === "/events/index/minimal:1") this.#index(response);
    else if (request.path === "/events/restSearch") this.#searchEvents(JSON.parse(request.body), response);
    else if (request.path === "/attributes/restSearch") this.#searchAttributes(JSON.parse(request.body), response);
    else json(response, 404, { name: "Invalid action", message: "Invalid action", url: request.path });
  }

  #index(response: ServerResponse): void {
    const rows = [...this.events.values()].map(({ id, uuid, timestamp, published }) => ({
      id,
      timestamp: String(timestamp),
      sighting_timestamp: "0",
      published,
      uuid,
      orgc_uuid: "38a9770a-221a-4613-a6ec-b2b9b045f5fd",
    }));
    json(response, 200, JSON.stringify(rows, null, 4), { "x-result-count": String(rows.length) });
  }

  #searchEvents(filter: Filter, response: ServerResponse): void {
    const rows = this.#pick(filter.eventid).map((event) => ({
      Event: {
        id: event.id,
        orgc_id: "1",
        date: "2026-11-15",
        threat_level_id: "1",
        info: event.info ?? `event ${event.id}`,
        published: event.published,
        uuid: event.uuid,
        attribute_count: String(event.attributes.length),
        timestamp: String(event.timestamp),
        Orgc: { id: "1", name: "LAB-CERT" },
        RelatedEvent: [],
        ...(event.tags ? { Tag: event.tags.map((name) => ({ id: "1", name, local: false })) } : {}),
      },
    }));
    json(response, 200, { response: rows }, { "x-result-count": String(rows.length) });
  }

  #searchAttributes(filter: Filter, response: ServerResponse): void {
    const all = this.#pick(filter.eventid).flatMap((event) =>
      event.attributes
        .filter(({ to_ids = true, deleted = false }) => !deleted && (filter.to_ids !== 1 || to_ids))
        .map(({ uuid, type, value, to_ids = true, tags }) => ({
          id: "1",
          event_id: event.id,
          object_id: "0",
          object_relation: null,
          category: "Network activity",
          type,
          to_ids,
          uuid,
          timestamp: String(event.timestamp),
          comment: "",
          deleted: false,
          first_seen: null,
          last_seen: null,
          value,
          Event: { id: event.id, info: "", uuid: event.uuid },
          ...(tags ? { Tag: tags.map((name) => ({ name, local: false })) } : {}),
        })),
    );
    const from = (filter.page - 1) * filter.limit;
    const rows = all.slice(from, from + filter.limit);
    const count = all.length > from + filter.limit ? filter.limit + 1 : Math.max(1, rows.length);
    json(response, 200, `{"response": {"Attribute": ${JSON.stringify(rows)}}}`, { "x-result-count": String(count) });
  }

  /** No ids is no filter, as in MISP. */
  #pick(ids: readonly string[] | undefined): readonly FakeEvent[] {
    if (ids === undefined || ids.length === 0) return [...this.events.values()];
    return ids.flatMap((id) => this.events.get(id) ?? []);
  }
}

interface Filter {
  readonly eventid?: readonly string[];
  readonly to_ids?: number;
  readonly limit: number;
  readonly page: number;
}

/** UUID number `n` of a kind, for fixtures. */
export function uuid(kind: number, n: number): string {
  return `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}
