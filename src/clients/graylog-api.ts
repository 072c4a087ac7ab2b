import type { Clock } from "../lib/clock.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { graylogRefusal, serverTrouble } from "./graylog-api-errors.ts";
import { createHttp, type Http, type HttpOptions, type HttpResponse, headOf, shownUrl, wholeBody } from "./http.ts";

/** The list of packs with their content is the largest answer. */
const MOST_ANSWER = 64 * 1024 * 1024;

export interface GraylogApiOptions extends Pick<HttpOptions, "caFile" | "timeoutMs" | "proxy"> {
  /** As the browser has it, `https://graylog.example.org:9000`, perhaps with a path; `/api` is added. */
  readonly url: string;
  /** An access token of a user. */
  readonly token: Secret;
  readonly clock: Clock;
}

/** A revision of a content pack that was installed. */
export interface PackInstallation {
  readonly id: string;
  readonly revision: number;
  readonly parameters: JsonObject;
  /** As it was given at installation. */
  readonly comment: string;
  readonly entities: readonly InstalledEntity[];
}

export interface PackRequest {
  readonly id: string;
  readonly revision: number;
  readonly parameters: unknown;
  readonly comment: string;
}

export interface InstalledEntity {
  readonly type: string;
  readonly id: string;
  readonly title: string;
}

export interface GraylogInput {
  readonly id: string;
  readonly title: string;
  readonly type: string;
  readonly port: number | undefined;
}

export interface UrlAllowlist {
  /** Where it is kept: 7.x gave it another name. */
  readonly path: string;
  readonly entries: readonly JsonObject[];
  /** Everything is allowed. */
  readonly disabled: boolean;
}

/** The REST API of Graylog 6.0 and newer, as far as a content pack needs it. Whatever is not done is thrown as RemoteError. */
export class GraylogApi {
  readonly url: string;
  readonly #http: Http;
  readonly #token: Secret;

  constructor({ url, token, ...connection }: GraylogApiOptions) {
    this.url = `${url.replace(/\/+$/, "").replace(/\/api$/, "")}/api`;
    this.#token = token;
    this.#http = createHttp({ ...connection, retries: 0, connections: 1, maxAnswerMs: connection.timeoutMs * 3 });
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** `6.1.5`, without what stands behind a plus sign. */
  async version(signal: AbortSignal): Promise<string> {
    const version = text(await this.#json("GET", "/system", undefined, signal), "version")?.split("+")[0];
    if (version !== undefined) return version;
    throw new RemoteError("unexpected", `${shownUrl(this.url)}: expected Graylog to tell its version, found none`);
  }

  /** Revisions of a pack that Graylog has, installed or not. */
  async packRevisions(id: string, signal: AbortSignal): Promise<ReadonlyMap<number, JsonObject>> {
    const answer = await this.#json("GET", `/system/content_packs/${id}`, undefined, signal).catch(nothingThere);
    const revisions = get(answer, "content_pack_revisions");
    return new Map(
      Object.entries(isJsonObject(revisions) ? revisions : {})
        .filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1]))
        .map(([revision, pack]) => [Number(revision), pack]),
    );
  }

  async installations(id: string, signal: AbortSignal): Promise<readonly PackInstallation[]> {
    const answer = await this.#json("GET", `/system/content_packs/${id}/installations`, undefined, signal);
    return objects(get(answer, "installations")).map(installationOf);
  }

  async uploadPack(pack: unknown, signal: AbortSignal): Promise<void> {
    await this.#done("POST", "/system/content_packs", pack, signal);
  }

  async deletePack(id: string, revision: number, signal: AbortSignal): Promise<void> {
    await this.#done("DELETE", `/system/content_packs/${id}/${revision}`, undefined, signal);
  }

  /** Every parameter of the pack must have a value: Graylog looks at no default here. */
  async installPack(
    { id, revision, parameters, comment }: PackRequest,
    signal: AbortSignal,
  ): Promise<PackInstallation> {
    const path = `/system/content_packs/${id}/${revision}/installations`;
    const answer = await this.#json("POST", path, { parameters, comment }, signal);
    if (isJsonObject(answer)) return installationOf(answer);
    throw new RemoteError("unexpected", `${shownUrl(this.url)}: expected what was installed, found no object`);
  }

  async uninstallPack(id: string, installation: string, signal: AbortSignal): Promise<void> {
    const path = `/system/content_packs/${id}/installations/${encodeURIComponent(installation)}`;
    await this.#done("DELETE", path, undefined, signal);
  }

  async streamIsPaused(id: string, signal: AbortSignal): Promise<boolean> {
    return get(await this.#json("GET", `/streams/${encodeURIComponent(id)}`, undefined, signal), "disabled") === true;
  }

  async resumeStream(id: string, signal: AbortSignal): Promise<void> {
    await this.#done("POST", `/streams/${encodeURIComponent(id)}/resume`, undefined, signal);
  }

  async inputs(signal: AbortSignal): Promise<readonly GraylogInput[]> {
    const answer = await this.#json("GET", "/system/inputs", undefined, signal);
    return objects(get(answer, "inputs")).map((input) => {
      const port = get(input, "attributes", "port") ?? get(input, "configuration", "port");
      return {
        id: text(input, "id") ?? "",
        title: text(input, "title") ?? "",
        type: text(input, "type") ?? "",
        port: typeof port === "number" ? port : undefined,
      };
    });
  }

  /** State by the input's id, on the node that answers: `RUNNING`, `FAILED` … */
  async inputStates(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#json("GET", "/system/inputstates", undefined, signal);
    return new Map(objects(get(answer, "states")).map((one) => [text(one, "id") ?? "", text(one, "state") ?? ""]));
  }

  /** What Graylog's own parser finds wrong in rules, by their titles. */
  async ruleErrors(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#json("GET", "/system/pipelines/rule", undefined, signal);
    return new Map(
      objects(answer)
        .filter((rule) => Array.isArray(rule["errors"]) && rule["errors"].length > 0)
        .map((rule) => [text(rule, "title") ?? "", JSON.stringify(rule["errors"]).slice(0, 300)]),
    );
  }

  /** What a lookup table gives for a value; undefined where it gives nothing. */
  async lookup(table: string, key: string, signal: AbortSignal): Promise<JsonValue | undefined> {
    const path = `/system/lookup/tables/${encodeURIComponent(table)}/query?key=${encodeURIComponent(key)}`;
    return get(await this.#json("GET", path, undefined, signal), "single_value") ?? undefined;
  }

  async allowlist(signal: AbortSignal): Promise<UrlAllowlist> {
    for (const path of ["/system/urlallowlist", "/system/urlwhitelist"]) {
      try {
        const answer = await this.#json("GET", path, undefined, signal);
        return { path, entries: objects(get(answer, "entries")), disabled: get(answer, "disabled") === true };
      } catch (error) {
        const older = error instanceof RemoteError && error.kind === "not-found" && path.endsWith("allowlist");
        if (!older) throw error;
      }
    }
    throw new RemoteError("not-found", `${shownUrl(this.url)}: expected a list of allowed URLs, found none`);
  }

  /** Graylog takes the list as a whole. */
  async saveAllowlist({ path, entries, disabled }: UrlAllowlist, signal: AbortSignal): Promise<void> {
    await this.#done("PUT", path, { entries, disabled }, signal);
  }

  async #json(method: "GET" | "POST", path: string, body: unknown, signal: AbortSignal): Promise<JsonValue> {
    const response = await this.#send(method, path, body, signal);
    const bytes = await wholeBody(response);
    try {
      return JSON.parse(bytes.toString("utf8")) as JsonValue;
    } catch (cause) {
      const where = shownUrl(`${this.url}${path}`);
      throw new RemoteError(
        "unexpected",
        `${where}: expected JSON from Graylog, found something else: check the address, and a proxy on the way`,
        { cause },
      );
    }
  }

  async #done(method: "POST" | "PUT" | "DELETE", path: string, body: unknown, signal: AbortSignal): Promise<void> {
    (await this.#send(method, path, body, signal)).cancel();
  }

  async #send(
    method: "GET" | "POST" | "PUT" | "DELETE",
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const url = `${this.url}${path}`;
    const headers = {
      // A token goes in the place of the user's name.
      authorization: `Basic ${Buffer.from(`${this.#token.reveal()}:token`).toString("base64")}`,
      accept: "application/json",
      "content-type": "application/json",
      "x-requested-by": "tipline",
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const secrets = [this.#token.reveal(), headers.authorization.slice("Basic ".length), ...tokensIn(text)];
    let response: HttpResponse;
    try {
      response = await this.#http.send(
        { url, method, headers, maxBytes: MOST_ANSWER, ...(text !== undefined && { body: text }) },
        signal,
      );
    } catch (error) {
      throw error instanceof RemoteError ? serverTrouble(error, secrets) : error;
    }
    if (response.status >= 200 && response.status < 300) return response;
    const said = await headOf(response.body, 65_536);
    response.cancel();
    throw graylogRefusal({ status: response.status, what: `${method} ${shownUrl(url)}`, said, secrets });
  }
}

function installationOf(answer: JsonObject): PackInstallation {
  const parameters = answer["parameters"];
  return {
    id: text(answer, "_id") ?? text(answer, "id") ?? "",
    revision: Number(answer["content_pack_revision"]),
    parameters: isJsonObject(parameters) ? parameters : {},
    comment: text(answer, "comment") ?? "",
    entities: objects(answer["entities"]).map((one) => ({
      type: text(one, "type", "name") ?? "",
      id: text(one, "id") ?? "",
      title: text(one, "title") ?? "",
    })),
  };
}

/** Tokens among the values of a pack; who refuses a body may repeat it. */
function tokensIn(body: string | undefined): readonly string[] {
  return [...(body ?? "").matchAll(/Bearer ([^\s"\\]+)/g)].map(([, token = ""]) => token);
}

/** A pack that was never uploaded is an empty answer, or none. */
function nothingThere(error: unknown): JsonValue {
  if (error instanceof RemoteError && error.kind === "not-found") return {};
  throw error;
}

const objects = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];
