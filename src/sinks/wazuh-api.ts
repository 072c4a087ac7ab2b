import { z } from "zod";
import {
  type Ingested,
  MAX_EVENT_BYTES,
  MAX_EVENTS,
  MAX_REQUEST_BYTES,
  MAX_REQUESTS_PER_MINUTE,
  type WazuhApi,
} from "../clients/wazuh-api.ts";
import { connectWazuhApi, ONE_PASSWORD } from "../clients/wazuh-api-connection.ts";
import { confirmationKeys, confirmationOf } from "../clients/wazuh-confirmation.ts";
import { encodeEvent, withAgent } from "../clients/wazuh-queue.ts";
import { type Context, defineSink } from "../contract/define.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { openToOthers, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import type { Finding } from "../model/finding.ts";

const config = z
  .strictObject({
    url: httpUrl("Base URL of the manager's API, such as https://manager:55000."),
    user: z.string().min(1).max(64).describe("User of the API with a role that allows `event:ingest`."),
    password_file: z.string().optional().describe("File with the user's password."),
    password: secretText("The user's password; better by password_file or from the environment.").optional(),
    verify: z.boolean().default(true).describe("Verify the server's certificate; false is for laboratories."),
    ca_file: z
      .string()
      .optional()
      .describe(
        "PEM file of the authority that signed the API's certificate, or of that certificate if it signed itself.",
      ),
    proxy: secretText(
      "URL of an HTTP proxy, with user name and password if it wants them (then from the environment).",
    ).optional(),
    timeout_seconds: z.number().int().min(1).max(600).default(30).describe("Longest silence of the server."),
    requests_per_minute: z
      .number()
      .int()
      .min(1)
      .max(MAX_REQUESTS_PER_MINUTE)
      .default(MAX_REQUESTS_PER_MINUTE)
      .describe(
        "Requests of at most 100 findings each. The API takes 30 a minute from all its clients together: 50 findings a second at the very most.",
      ),
    confirm: z
      .boolean()
      .default(false)
      .describe(
        "A finding counts as delivered when its alert is read back: where a source here reads the manager's alerts.json.",
      ),
    ...confirmationKeys,
  })
  .refine(({ password, password_file }) => (password === undefined) !== (password_file === undefined), {
    error: ONE_PASSWORD,
  });

type Config = z.output<typeof config>;

/** Findings into Wazuh's analysis from another host. The location is `API-Webhook`: our rules must be installed with `--api`. */
export default defineSink<Config>({
  type: "wazuh-api",
  summary: "Wazuh's server API (POST /events, 4.6 or newer): at most 50 findings a second.",
  config,
  create: (settings, context) => new WazuhApiSink(settings, context),
});

class WazuhApiSink implements Sink {
  readonly confirmation?: NonNullable<Sink["confirmation"]>;
  readonly batchSize = MAX_EVENTS;
  readonly #api: WazuhApi;
  readonly #clock: Clock;
  readonly #spacingMs: number;
  #nextAt = 0;
  /** Findings that analysisd has though one before them in their batch failed: they are not sent twice. */
  #ahead = new Set<string>();

  constructor(settings: Config, { clock, log }: Context) {
    const { url, password_file: file } = settings;
    if (file !== undefined && openToOthers(file))
      log.warn("other users of this host can read the password of the Wazuh server API: chmod 600", { file });
    if (!settings.verify) log.warn("the certificate of the Wazuh server API is not verified (verify: false)", { url });
    if (url.startsWith("http:")) log.warn("the password of the Wazuh server API travels unencrypted (http)", { url });
    this.#clock = clock;
    // A little slower than allowed: the API's minute ends when its clock says so.
    this.#spacingMs = Math.ceil((60_000 / settings.requests_per_minute) * 1.025);
    this.#api = connectWazuhApi(settings, clock);
    const { confirmation } = confirmationOf(settings);
    if (confirmation !== undefined) this.confirmation = confirmation;
  }

  async send(findings: readonly Finding[], signal: AbortSignal): Promise<SendResult> {
    const wait = this.#nextAt - this.#clock.now();
    if (findings.length > 0 && wait > 0 && wait <= this.#spacingMs) return paced(wait);
    const batch = take(findings, this.#ahead);
    if (batch.tooLarge !== undefined) return batch.tooLarge;
    if (batch.events.size > 0) {
      this.#nextAt = this.#clock.now() + this.#spacingMs;
      try {
        const verdict = await this.#api.ingest([...batch.events.keys()], signal);
        const failure = this.#settle(findings, batch, verdict);
        if (failure !== undefined) return failure;
      } catch (thrown) {
        return failed(thrown);
      }
    } else this.#ahead.clear();
    if (batch.count === findings.length) return { status: "sent" };
    return { ...paced(Math.max(0, this.#nextAt - this.#clock.now())), taken: batch.count };
  }

  /** Undefined: analysisd has the whole batch. */
  #settle(findings: readonly Finding[], batch: Batch, { failed: refused }: Ingested): SendResult | undefined {
    const first = [...batch.events].find(([event]) => refused.has(event));
    if (first === undefined) {
      this.#ahead.clear();
      return undefined;
    }
    const [event, id] = first;
    const taken = findings.findIndex((finding) => finding.id === id);
    const arrived = [...batch.events].filter(([one]) => !refused.has(one)).map(([, other]) => other);
    const passed = new Set(findings.slice(0, taken).map((finding) => finding.id));
    this.#ahead = new Set([...this.#ahead, ...arrived].filter((other) => !passed.has(other)));
    const { code, message = "" } = refused.get(event) ?? {};
    const cause = new Error(
      `analysisd did not get finding ${id}: ${message.slice(0, 200)}${code === undefined ? "" : ` (${code})`}`,
    );
    if (code !== TOO_LARGE) return { status: "retry", cause, taken };
    return taken > 0 ? { status: "retry", cause, taken, afterMs: 0 } : { status: "rejected", cause };
  }

  close(): Promise<void> {
    return this.#api.close();
  }
}

/** The API's code for an event that analysisd would cut. */
const TOO_LARGE = 1012;

interface Batch {
  /** Events by their text, with the id of their finding. */
  readonly events: ReadonlyMap<string, string>;
  /** Findings from the start that are dealt with when the events have arrived. */
  readonly count: number;
  readonly tooLarge?: SendResult;
}

/** As many findings as fit into one request, without those that arrived before. */
function take(findings: readonly Finding[], ahead: ReadonlySet<string>): Batch {
  const events = new Map<string, string>();
  let bytes = 64;
  let count = 0;
  for (const finding of findings) {
    if (!ahead.has(finding.id)) {
      const event = encodeEvent(withAgent(finding.misp, finding.alert.agent), MAX_EVENT_BYTES);
      if (event === undefined) {
        const cause = new Error(`finding ${finding.id} cannot be made to fit into ${MAX_EVENT_BYTES} bytes`);
        if (count === 0) return { events, count, tooLarge: { status: "rejected", cause } };
        break;
      }
      bytes += Buffer.byteLength(JSON.stringify(event)) + 1;
      if (events.size >= MAX_EVENTS || (events.size > 0 && bytes > MAX_REQUEST_BYTES)) break;
      events.set(event, finding.id);
    }
    count += 1;
  }
  return { events, count };
}

function paced(afterMs: number): Extract<SendResult, { status: "retry" }> {
  const cause = new Error("the Wazuh server API takes 30 requests a minute; the next one waits for its turn");
  return { status: "retry", cause, afterMs, taken: 0, paced: true };
}

function failed(thrown: unknown): SendResult {
  const cause = asError(thrown);
  if (!(cause instanceof RemoteError)) return { status: "retry", cause, taken: 0 };
  // The request as it is: halving finds the event that the server does not like.
  if (cause.kind === "refused") return { status: "rejected", cause };
  const { retryAfterMs } = cause;
  return { status: "retry", cause, taken: 0, ...(retryAfterMs !== undefined && { afterMs: retryAfterMs }) };
}
