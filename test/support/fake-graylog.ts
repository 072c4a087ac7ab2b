import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { parsePipeline } from "./content-pack-validator/rule-parser.ts";
import { isObject } from "./content-pack-validator/shape.ts";
import { packFaults } from "./content-pack-validator/validate.ts";
import { json, serve, type TestRequest } from "./http-server.ts";

export const TOKEN = "t0ken-of-an-admin";

type Json = Record<string, unknown>;

interface Installed {
  readonly _id: string;
  readonly content_pack_id: string;
  readonly content_pack_revision: number;
  readonly parameters: Json;
  readonly comment: string;
  readonly entities: readonly { id: string; type: Json; content_pack_entity_id: string; title: string }[];
}

/**
 * The REST API of Graylog as its source has it, for content packs: 400 for a change without X-Requested-By, a token in the place of
 * the user's name, a revision once and for all, every parameter wanted at installation whatever its default, rules and lookup tables
 * known by name and never made twice, and in 7.x streams that stay paused.
 */
export class FakeGraylog {
  url = "";
  version = "7.1.2+ab12cd3";
  readonly requests: TestRequest[] = [];
  readonly packs = new Map<string, Json>();
  installations: Installed[] = [];
  readonly streams = new Map<string, { title: string; disabled: boolean }>();
  readonly inputs = new Map<string, { title: string; type: string; port: number; state: string }>();
  readonly rules = new Map<string, { source: string; errors: unknown[] | null }>();
  allowlist: { entries: Json[]; disabled: boolean } = { entries: [], disabled: false };
  /** What the lookup table gives. */
  verdict: string | null = "none";
  /** Answers instead of the API. */
  instead: ((request: TestRequest, response: ServerResponse) => boolean) | undefined;
  role: "Admin" | "Reader" = "Admin";
  inputState = "RUNNING";
  /** Installation fails, as where an entity cannot be made. */
  failsToInstall: ((revision: number) => boolean) | undefined;

  static async start(t: TestContext, options: { readonly tls?: boolean } = {}): Promise<FakeGraylog> {
    const graylog = new FakeGraylog();
    graylog.url = await serve(t, (request, response) => void graylog.#answer(request, response), options);
    return graylog;
  }

  get #is7(): boolean {
    return Number(this.version.split(".")[0]) >= 7;
  }

  /** Requests that change something. */
  get changes(): readonly string[] {
    return this.requests.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
  }

  #answer(request: TestRequest, response: ServerResponse): unknown {
    this.requests.push(request);
    const { method, path, headers } = request;
    if (this.instead?.(request, response)) return;
    if (!path.startsWith("/api/")) return response.writeHead(200, { "content-type": "text/html" }).end("<html>");
    const given = Buffer.from((headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString("utf8");
    if (given !== `${TOKEN}:token`) return response.writeHead(401).end();
    if (method !== "GET" && headers["x-requested-by"] === undefined)
      return refuse(
        response,
        400,
        'CSRF protection header is missing. Please add a "X-Requested-By" header to your request.',
      );
    if (this.role !== "Admin" && method !== "GET") return refuse(response, 403, "Not authorized");
    return this.#route(request, path.slice("/api".length), response);
  }

  #route({ method, body }: TestRequest, path: string, response: ServerResponse): unknown {
    const given = body === "" ? {} : (JSON.parse(body) as Json);
    const allow = this.#is7 ? "/system/urlallowlist" : "/system/urlwhitelist";
    const parts = path.split("?")[0]?.split("/").slice(1) ?? [];
    if (path === "/system") return json(response, 200, { version: this.version, is_processing: true });
    if (path === allow && method === "GET") return json(response, 200, this.allowlist);
    if (path === allow && method === "PUT") {
      this.allowlist = given as unknown as FakeGraylog["allowlist"];
      return done(response);
    }
    if (path === "/system/inputs")
      return json(response, 200, { inputs: [...this.inputs].map(inputAnswer), total: this.inputs.size });
    if (path === "/system/inputstates")
      return json(response, 200, { states: [...this.inputs].map(([id, { state }]) => ({ id, state })) });
    if (path === "/system/pipelines/rule")
      return json(
        response,
        200,
        [...this.rules].map(([title, rule]) => ({ title, ...rule })),
      );
    if (path.startsWith("/system/lookup/tables/tipline/query?key="))
      return json(response, 200, { single_value: this.verdict, multi_value: null, ttl: 0 });
    if (parts[0] === "streams") return this.#stream(parts[1] ?? "", method, parts[2], response);
    if (parts[1] === "content_packs") return this.#packs(method, parts.slice(2), given, response);
    return refuse(response, 404, "HTTP 404 Not Found");
  }

  #stream(id: string, method: string, action: string | undefined, response: ServerResponse): unknown {
    const stream = this.streams.get(id);
    if (stream === undefined) return refuse(response, 404, "Stream not found!");
    if (method === "POST" && action === "resume") {
      stream.disabled = false;
      return done(response);
    }
    return json(response, 200, { id, ...stream });
  }

  #packs(method: string, [id, revision, installation]: string[], given: Json, response: ServerResponse): unknown {
    if (method === "POST" && id === undefined) return this.#upload(given, response);
    if (method === "GET" && revision === undefined) {
      const revisions = [...this.packs.values()].filter((pack) => pack["id"] === id).map((pack) => [pack["rev"], pack]);
      return json(response, 200, { content_pack_revisions: Object.fromEntries(revisions), constraints_result: {} });
    }
    if (method === "GET" && revision === "installations")
      return json(response, 200, { total: this.installations.length, installations: this.installations });
    if (method === "POST" && installation === "installations")
      return this.#install(this.packs.get(`${id}/${revision}`), given, response);
    if (method === "DELETE" && revision === "installations") return this.#uninstall(installation ?? "", response);
    if (method === "DELETE") {
      if (this.installations.some((one) => String(one.content_pack_revision) === revision))
        return refuse(
          response,
          400,
          `Content pack ${id} and revision ${revision} can't be deleted: There are still installations`,
        );
      this.packs.delete(`${id}/${revision}`);
      return done(response);
    }
    return refuse(response, 405, "HTTP 405 Method Not Allowed");
  }

  #upload(pack: Json, response: ServerResponse): unknown {
    const faults = packFaults(pack);
    if (faults.length > 0) return refuse(response, 400, `Cannot construct instance: ${faults[0]}`);
    const key = `${String(pack["id"])}/${String(pack["rev"])}`;
    if (this.packs.has(key)) return refuse(response, 400, `Content pack ${key} already found!`);
    this.packs.set(key, pack);
    return response.writeHead(201, { location: `/api/system/content_packs/${String(pack["id"])}` }).end();
  }

  #install(pack: Json | undefined, given: Json, response: ServerResponse): unknown {
    if (pack === undefined) return refuse(response, 404, "Content pack not found!");
    const values = isObject(given["parameters"]) ? given["parameters"] : {};
    const declared = (pack["parameters"] as Json[]).map(({ name }) => String(name));
    const missing = declared.filter((name) => !isObject(values[name]));
    const unknown = Object.keys(values).filter((name) => !declared.includes(name));
    if (missing.length + unknown.length > 0)
      return refuse(response, 400, `Parameter validation failed: ${[...missing, ...unknown].join()}`);
    if (this.failsToInstall?.(Number(pack["rev"])))
      return refuse(response, 500, `Failed to install content pack <${String(pack["id"])}/${String(pack["rev"])}>`);
    const made = (pack["entities"] as Json[]).map((entity) => this.#make(entity, values as Json));
    const installation: Installed = {
      _id: randomBytes(12).toString("hex"),
      content_pack_id: String(pack["id"]),
      content_pack_revision: Number(pack["rev"]),
      parameters: values,
      comment: String(given["comment"]),
      entities: made,
    };
    this.installations.push(installation);
    return json(response, 200, installation);
  }

  #make(entity: Json, values: Json): Installed["entities"][number] {
    const type = entity["type"] as Json;
    const data = entity["data"] as Json;
    const plain = (reference: unknown): unknown => {
      const one = reference as Json;
      return one["@type"] === "parameter" ? plain(values[String(one["@value"])]) : one["@value"];
    };
    const title = String(isObject(data["title"]) ? plain(data["title"]) : (data["title"] ?? ""));
    const id = randomBytes(12).toString("hex");
    if (type["name"] === "stream") this.streams.set(id, { title, disabled: this.#is7 });
    if (type["name"] === "input") {
      const port = Number(plain((data["configuration"] as Json)["port"]));
      const taken = [...this.inputs.values()].some((other) => other.port === port);
      this.inputs.set(id, {
        title,
        type: String(plain(data["type"])),
        port,
        state: taken ? "FAILED" : this.inputState,
      });
    }
    if (type["name"] === "pipeline") parsePipeline(String(plain(data["source"])));
    if (type["name"] === "pipeline_rule")
      this.rules.set(title, { source: String(plain(data["source"])), errors: null });
    return { id, type, content_pack_entity_id: String(entity["id"]), title };
  }

  #uninstall(id: string, response: ServerResponse): unknown {
    const installation = this.installations.find(({ _id }) => _id === id);
    if (installation === undefined) return refuse(response, 404, `Couldn't find installation ${id}`);
    for (const entity of installation.entities) {
      this.streams.delete(entity.id);
      this.inputs.delete(entity.id);
      if (entity.type["name"] === "pipeline_rule") this.rules.delete(entity.title);
    }
    this.installations = this.installations.filter((one) => one !== installation);
    return json(response, 200, { content_pack: {}, uninstalled: {} });
  }
}

const inputAnswer = ([id, { title, type, port }]: [string, { title: string; type: string; port: number }]) => ({
  id,
  title,
  type,
  attributes: { port },
});

function refuse(response: ServerResponse, status: number, message: string): void {
  json(response, status, { type: "ApiError", message });
}

function done(response: ServerResponse): void {
  response.writeHead(204).end();
}
