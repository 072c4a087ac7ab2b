import { createHash } from "node:crypto";
import { z } from "zod";
import { createWebhookClient, type WebhookClient } from "../clients/webhook-http.ts";
import { PRESET, PRESETS } from "../clients/webhook-presets.ts";
import { type SigningKey, signingKey, webhookHeaders } from "../clients/webhook-signature.ts";
import { type Body, splitIds } from "../clients/webhook-split.ts";
import { compileTemplate } from "../clients/webhook-template.ts";
import { type Context, defineSink } from "../contract/define.ts";
import type { SinkOutbox } from "../contract/outbox.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Secret } from "../lib/secret.ts";
import { openToOthers, secretFrom, secretText } from "../lib/secret-schema.ts";
import { duration, size } from "../lib/unit-schema.ts";
import type { Finding } from "../model/finding.ts";
import { Outbox } from "../store/outbox.ts";
import { type Letter, OutboxDelivery, type Poster, type PostOutcome } from "../store/outbox-delivery.ts";
import { GROUP_FIELDS, type GroupField, grouped } from "../store/outbox-groups.ts";

const within = (least: number, most: number, expected: string) =>
  duration.refine((ms) => ms >= least && ms <= most, `expected ${expected}`);

const config = z
  .strictObject({
    url: secretText(
      "Address of the receiver, best from the environment: whoever knows a chat's address may write there. Shown nowhere.",
    ).optional(),
    url_file: z.string().optional().describe("File with the address, instead of url."),
    preset: z
      .enum(PRESETS)
      .default("standard")
      .describe("Who receives: standard (a program, Standard Webhooks 1.0), slack, mattermost or teams."),
    template: z
      .looseObject({})
      .optional()
      .describe("A body of your own instead of the preset's, with {{names}} in its texts: see docs/webhook.md."),
    digest_template: z.looseObject({}).optional().describe("The same for digests; default: template."),
    secrets: z
      .array(secretText("A signing secret: whsec_ and base64 of 24 to 64 bytes."))
      .max(5)
      .default([])
      .describe("Signing secrets, best from the environment; several while one is replaced. standard needs one."),
    secret_files: z.array(z.string()).max(5).default([]).describe("Files with a signing secret each."),
    token: secretText("Sent as Authorization: Bearer, for receivers that want it.").optional(),
    token_file: z.string().optional().describe("File with the token, instead of token."),
    group_by: z
      .array(z.enum(GROUP_FIELDS))
      .max(GROUP_FIELDS.length)
      .default(["indicator", "entity"])
      .describe("Findings that are equal in these get one notice a window."),
    window: within(1000, 7 * 86_400_000, "1s to 7d")
      .prefault("1h")
      .describe("How long a group is quiet after its notice; what came meanwhile is in one digest at its end."),
    max_notices: z
      .number()
      .int()
      .min(0)
      .max(1000)
      .default(30)
      .describe("Notices in a window at most; all further findings are in the digest. 0: digests only."),
    digest_parts: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(30)
      .describe("Messages that a digest may take to list its ids; `tipline notices show` lists what does not fit."),
    max_body: size
      .refine((bytes) => bytes >= 2000 && bytes <= 2 ** 20, "expected 2000 bytes to 1MiB")
      .optional()
      .describe("Bytes of a message; default by preset: standard 20 kB, slack 36 kB, mattermost 16 kB, teams 25 kB."),
    spacing: within(0, 3_600_000, "at most 1h").prefault("1s").describe("Between two messages, at least."),
    timeout: within(15_000, 30_000, "15s to 30s").prefault("20s").describe("For a message and its answer, altogether."),
    allow_private: z
      .boolean()
      .default(false)
      .describe("The receiver is in a private network or on this host; http is allowed then as well."),
    ca_file: z
      .string()
      .optional()
      .describe("PEM file of the authority that signed the receiver's certificate, where it is your own."),
    proxy: secretText("URL of an HTTP proxy, with user name and password if it wants them.").optional(),
    max_outbox: size
      .refine((bytes) => bytes >= 2 ** 20, "expected at least 1MiB")
      .prefault("64MiB")
      .describe("Findings that wait for the receiver, in bytes; beyond it they wait in the journal."),
  })
  .refine((given) => (given.url === undefined) !== (given.url_file === undefined), {
    error: "expected either url_file or url",
  })
  .refine(
    ({ preset, template, secrets, secret_files: files }) =>
      preset !== "standard" || template !== undefined || secrets.length + files.length > 0,
    { path: ["secrets"], error: "expected a signing secret in secrets or secret_files: preset standard is signed" },
  )
  .superRefine(({ template, digest_template: ofDigests, secrets }, context) => {
    const check = (key: string, look: () => unknown) => {
      try {
        look();
      } catch (thrown) {
        // What stands there is not repeated: it may be a secret.
        const message = asError(thrown).message.replace(/^[^ ]+: (?=expected)/, "");
        context.addIssue({ code: "custom", path: [key], message });
      }
    };
    if (template !== undefined) check("template", () => compileTemplate(template, "template"));
    if (ofDigests !== undefined) check("digest_template", () => compileTemplate(ofDigests, "digest_template"));
    for (const secret of secrets) check("secrets", () => signingKey(secret, "secrets"));
  });

type Config = z.output<typeof config>;

/** Findings as messages to people or programs: one a group and window, and a digest of the rest (ADR 15). */
export default defineSink<Config>({
  type: "webhook",
  summary:
    "A web address: Slack, Mattermost, Teams or a program of yours (Standard Webhooks), with a digest in a storm.",
  config,
  commonDefaults: ({ preset }) => ({ max_tlp: preset === "standard" ? "amber+strict" : "green" }),
  create: (settings, context) => createSink(settings, context),
});

const OUTBOX_FULL_MS = 30_000;

function createSink(settings: Config, context: Context): Sink {
  const { name, clock, log, keepDir } = context;
  if (keepDir === undefined) throw new TiplineError("TIP_INTERNAL", `sink ${name}: expected a folder for its outbox`);
  const receiver = named(name, () => createPoster(settings, context));
  const outbox = new Outbox(keepDir, {
    windowMs: settings.window,
    maxNotices: settings.max_notices,
    maxBytes: settings.max_outbox,
  });
  const delivery = new OutboxDelivery(outbox, receiver.poster, { name, clock, log, spacingMs: settings.spacing });
  return new WebhookSink(outbox, delivery, receiver.client, settings.group_by, clock);
}

/** A mistake of the configuration, with the sink's name. */
function named<T>(name: string, create: () => T): T {
  try {
    return create();
  } catch (thrown) {
    if (!(thrown instanceof TiplineError)) throw thrown;
    throw new TiplineError("TIP_CONFIG_INVALID", `sinks.${name}: ${thrown.message}`, { cause: thrown });
  }
}

class WebhookSink implements Sink {
  readonly batchSize = 500;
  readonly #outbox: Outbox;
  readonly #delivery: OutboxDelivery;
  readonly #client: WebhookClient;
  readonly #fields: readonly GroupField[];
  readonly #clock: Clock;

  constructor(
    outbox: Outbox,
    delivery: OutboxDelivery,
    client: WebhookClient,
    fields: readonly GroupField[],
    clock: Clock,
  ) {
    this.#outbox = outbox;
    this.#delivery = delivery;
    this.#client = client;
    this.#fields = fields;
    this.#clock = clock;
  }

  get outbox(): SinkOutbox {
    return this.#delivery;
  }

  async send(findings: readonly Finding[]): Promise<SendResult> {
    try {
      const batch = findings.map((finding) => grouped(finding, this.#fields));
      const taken = await this.#outbox.add(batch, this.#clock.now());
      const full = taken < findings.length;
      this.#delivery.added(full);
      if (!full) return { status: "sent" };
      const cause = new Error("the outbox is full of findings that the receiver has not taken (max_outbox)");
      return { status: "retry", cause, taken, afterMs: OUTBOX_FULL_MS };
    } catch (thrown) {
      return { status: "retry", cause: asError(thrown), taken: 0 };
    }
  }

  async close(): Promise<void> {
    await this.#delivery.close();
    await this.#client.close();
  }
}

interface Receiver {
  readonly client: WebhookClient;
  readonly poster: Poster;
}

function createPoster(settings: Config, { clock, log }: Context): Receiver {
  const url = secretFrom(settings.url_file, settings.url, "url_file");
  if (url === undefined) throw new TiplineError("TIP_CONFIG_INVALID", "expected either url_file or url");
  checkAddress(url);
  const token = secretFrom(settings.token_file, settings.token, "token_file");
  const files = [settings.url_file, settings.token_file, ...settings.secret_files];
  for (const file of files)
    if (file !== undefined && openToOthers(file))
      log.warn("other users of this host can read a secret of the webhook: chmod 600", { file });
  const client = createWebhookClient({
    url,
    allowPrivate: settings.allow_private,
    caFile: settings.ca_file,
    proxy: settings.proxy,
    hidden: token === undefined ? [] : [token],
    timeoutMs: settings.timeout,
    clock,
  });
  const keys = signingKeys(settings);
  const body = bodyOf(settings);
  const limits = {
    maxBody: settings.max_body ?? PRESET[settings.preset].maxBody,
    maxParts: settings.digest_parts,
  };
  const receiver = createHash("sha256").update(`webhook ${url.reveal()}`).digest("hex").slice(0, 16);
  return {
    client,
    poster: {
      receiver,
      split: (letter, ids) => splitIds(letter, ids, body, limits),
      post: (letter, signal) => post(client, keys, token, clock, letter, body(letter), signal),
    },
  };
}

async function post(
  client: WebhookClient,
  keys: readonly SigningKey[],
  token: Secret | undefined,
  clock: Clock,
  { id }: Letter,
  body: string,
  signal: AbortSignal,
): Promise<PostOutcome> {
  const headers = {
    ...webhookHeaders(keys, id, Math.floor(clock.now() / 1000), body),
    ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
  };
  try {
    const { status, said, retryAfterMs } = await client.post(body, headers, signal);
    if (status >= 200 && status < 300) return { status: "delivered" };
    const quoted = said === "" ? "" : ` (it said: ${said})`;
    const cause = new Error(`the receiver answered ${status}${ADVICE[status] ?? adviceFor(status)}${quoted}`);
    if (status === 410) return { status: "gone", cause };
    return {
      status: "failed",
      cause,
      throttled: status === 429 || status === 502 || status === 504,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  } catch (thrown) {
    return signal.aborted ? { status: "stopped" } : { status: "failed", cause: asError(thrown) };
  }
}

const ADVICE: Readonly<Record<number, string>> = {
  400: ": it does not like the message; check preset and template",
  401: ": check the token and the signing secret",
  403: ": check the address, the token and the rights there",
  404: ": nothing is at this address; was the webhook removed there?",
  410: " Gone: the webhook was removed there",
  413: ": the message is too large for it; lower max_body",
  429: ": too many messages; it is tried more slowly",
};

function adviceFor(status: number): string {
  return status >= 300 && status < 400 ? ": a redirect, which is not followed; give the final address" : "";
}

function signingKeys({ secrets, secret_files: files }: Config): readonly SigningKey[] {
  const fromFiles = files.flatMap((file) => secretFrom(file, undefined, "secret_files") ?? []);
  return [
    ...secrets.map((secret, i) => signingKey(secret, `secrets.${i}`)),
    ...fromFiles.map((secret, i) => signingKey(secret, `secret_files.${i}`)),
  ];
}

function bodyOf({ preset, template, digest_template: ofDigests = template }: Config): Body {
  const { chat, body } = PRESET[preset];
  const notice = template === undefined ? body : compileTemplate(template, "template", chat);
  const digest = ofDigests === undefined ? body : compileTemplate(ofDigests, "digest_template", chat);
  return (view) => JSON.stringify((view.kind === "notice" ? notice : digest)(view));
}

/** The address is in no message. */
function checkAddress(url: Secret): void {
  const text = url.reveal();
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw new TiplineError("TIP_CONFIG_INVALID", "url: expected an https address");
  if (parsed.username !== "" || parsed.password !== "")
    throw new TiplineError("TIP_CONFIG_INVALID", "url: expected no user name and password in it: give a token");
}
