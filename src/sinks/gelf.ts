import { z } from "zod";
import type { GelfMessage } from "../clients/gelf-fit.ts";
import { createGelfHttp, type GelfHttp } from "../clients/gelf-http.ts";
import { type GelfContent, gelfMessage } from "../clients/gelf-message.ts";
import { createNameBudget, type NameBudget } from "../clients/gelf-names.ts";
import { RefusedMessage } from "../clients/gelf-refusal.ts";
import { createUdpSender, fitDatagrams, type UdpSender } from "../clients/gelf-udp.ts";
import type { LineSocket } from "../clients/line-socket.ts";
import { hostPort, lineSocketFrom, lineSocketOptions } from "../clients/line-socket-config.ts";
import { type Context, defineSink } from "../contract/define.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import { openToOthers, secretFrom, secretText } from "../lib/secret-schema.ts";
import { httpUrl } from "../lib/url-schema.ts";
import type { Finding } from "../model/finding.ts";

/** Graylog's own limits: `max_message_size` of a TCP input, `max_chunk_size` of an HTTP input, what a UDP input unpacks. */
const LIMITS = { tcp: 2_097_152, http: 65_536, udp: 1_048_576 } as const;
const LEAST_MESSAGE = 32_768;

const config = z.strictObject({
  transport: z
    .enum(["tcp", "udp", "http"])
    .default("tcp")
    .describe("How the input listens. TCP loses least; UDP loses in silence; HTTP answers before it reads."),
  address: hostPort("TCP and UDP: host:port of the input, usually port 12201.").optional(),
  url: httpUrl("HTTP: URL of the input, such as http://graylog.example.org:12201/gelf.").optional(),
  token_file: z.string().optional().describe("HTTP: file with the value of the input's authorization header."),
  token: secretText("HTTP: that value; better by token_file or from the environment.").optional(),
  token_header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, "expected the name of a header")
    .default("Authorization")
    .describe("HTTP: name of the input's authorization header."),
  proxy: secretText("HTTP: URL of a proxy, with user name and password if it wants them.").optional(),
  ...lineSocketOptions,
  max_message_bytes: z
    .number()
    .int()
    .min(LEAST_MESSAGE)
    .max(16 * 1024 * 1024)
    .optional()
    .describe(
      "Longest message that the input takes; default: Graylog's own, 2 MiB for TCP and 64 KiB for HTTP (`max_chunk_size`). A longer one is cut and says so.",
    ),
  chunk_bytes: z
    .number()
    .int()
    .min(512)
    .max(65_507)
    .default(1420)
    .describe("UDP: longest datagram; 1420 passes everywhere, 8154 within a local network. A message has at most 128."),
  compress: z.boolean().default(true).describe("UDP: gzip."),
  full: z
    .boolean()
    .default(false)
    .describe("Every member of the alert and of the `misp` object as a field, not only the documented ones."),
  max_fields: z
    .number()
    .int()
    .min(10)
    .max(700)
    .default(400)
    .describe("Most names of fields beside the documented ones, in all messages together: an index takes 1,000 names."),
  fields: z
    .array(z.string().regex(/^[^.]{1,128}(?:\.[^.]{1,128}){0,15}$/, "expected a path such as data.win.system.computer"))
    .max(200)
    .default([])
    .describe("Members of the alert to send as fields beside the documented ones, by path."),
  full_message: z.boolean().default(true).describe("Send the whole enriched alert as full_message."),
  timestamp: z
    .enum(["alert", "sent"])
    .default("alert")
    .describe(
      "Time of the message: the alert's, or that of sending (event definitions look at the last minutes only).",
    ),
});

const checked = config.superRefine((options, context) => {
  const problem = problemIn(options);
  if (problem !== undefined) context.addIssue({ code: "custom", path: [problem.key], message: problem.message });
});

type Config = z.output<typeof config>;

/** Findings as GELF messages; the fields are in docs/graylog-fields.md. The finding's id is `_tipline_finding_id`. */
export default defineSink<Config>({
  type: "gelf",
  summary: "GELF over TCP, TLS, UDP or HTTP, for Graylog and what else takes it: one message a finding.",
  config: checked,
  create(options, context): Sink {
    const composer = new Composer(options, context);
    const { transport, address } = options;
    if (transport === "http" || address === undefined) return httpSink(httpClient(options, context), composer, context);
    if (transport === "udp") return udpSink(createUdpSender(address, context.clock), composer, options);
    return tcpSink(lineSocketFrom(address, options, context.clock, context.log), composer);
  },
});

/** Makes messages, and remembers how long they may be. */
class Composer {
  maxBytes: number;
  readonly #content: GelfContent;
  readonly #names: NameBudget;
  readonly #context: Context;
  #told = false;

  constructor(options: Config, context: Context) {
    this.#context = context;
    this.maxBytes = options.max_message_bytes ?? LIMITS[options.transport];
    this.#names = createNameBudget(options.max_fields, context.keepDir ?? context.cacheDir, context.log);
    this.#content = {
      full: options.full,
      extra: options.fields.map((path) => path.split(".")),
      fullMessage: options.full_message,
      timestamp: options.timestamp,
      admits: (name) => this.#names.admits(name),
    };
  }

  compose(finding: Finding, maxBytes = this.maxBytes): string {
    const message = gelfMessage(finding, this.#content, maxBytes, this.#context.clock.now());
    this.#tell(finding, message);
    // Before it goes out: after a restart other names must not come on top of those that an index has.
    this.#names.save();
    return message.json;
  }

  /** The first time aloud; every message says it for itself. */
  #tell({ id }: Finding, { shortened, omitted }: GelfMessage): void {
    if (shortened.length === 0 && omitted.length === 0) return;
    const { log } = this.#context;
    const fields = { finding: id, shortened: shortened.slice(0, 20), omitted: omitted.slice(0, 20) };
    const text = "not everything of a finding fits into its message; see tipline_shortened and tipline_omitted there";
    if (this.#told) log.debug(text, fields);
    else log.info(text, fields);
    this.#told = true;
  }
}

function tcpSink(socket: LineSocket, composer: Composer): Sink {
  return {
    send: (findings, signal) =>
      socket.send(
        findings.map((finding) => ({
          key: finding.id,
          bytes: Buffer.from(`${composer.compose(finding, composer.maxBytes - 1)}\0`),
        })),
        signal,
      ),
    uncertain: () => socket.uncertain,
    close: () => socket.close(),
  };
}

function udpSink(sender: UdpSender, composer: Composer, { chunk_bytes, compress }: Config): Sink {
  let uncertain = 0;
  return {
    async send(findings, signal) {
      if (findings.length === 0) return { status: "sent" };
      if (signal.aborted) return { status: "retry", cause: new Error("stopped before anything was sent"), taken: 0 };
      const limits = { chunkBytes: chunk_bytes, gzip: compress, maxBytes: composer.maxBytes };
      const messages = findings.map((finding) => fitDatagrams((bytes) => composer.compose(finding, bytes), limits));
      const outcome = await sender.send(messages, signal);
      if (outcome.status === "failed") return { status: "retry", cause: outcome.cause, taken: 0 };
      uncertain += findings.length;
      return { status: "sent" };
    },
    uncertain: () => uncertain,
    close: async () => sender.close(),
  };
}

function httpSink(http: GelfHttp, composer: Composer, { log }: Context): Sink {
  const refused = new RefusedMessage();
  const anyGoesThrough = async (others: readonly Finding[], signal: AbortSignal): Promise<boolean> => {
    for (const other of others)
      if ((await http.post(composer.compose(other), signal)).status === "sent") return true;
      else if (signal.aborted) return false;
    return false;
  };
  const send = async (findings: readonly Finding[], signal: AbortSignal): Promise<SendResult> => {
    for (const [taken, finding] of findings.entries()) {
      if (signal.aborted) return { status: "retry", cause: new Error("stopped while sending"), taken };
      const message = composer.compose(finding);
      const outcome = await http.post(message, signal);
      if (outcome.status === "sent") continue;
      if (outcome.status === "failed") {
        const others = () => anyGoesThrough(findings.slice(taken + 1), signal);
        if (outcome.perhapsIt && (await refused.isAlone(finding.id, others)) && taken === 0)
          return { status: "rejected", cause: outcome.cause };
        return {
          status: "retry",
          cause: outcome.cause,
          taken,
          ...(outcome.afterMs !== undefined && { afterMs: outcome.afterMs }),
        };
      }
      const bytes = Buffer.byteLength(message);
      const cause = new Error(
        `the input refuses a message of ${bytes} bytes (413): raise its max_chunk_size, or set max_message_bytes to what it takes`,
      );
      const less = Math.floor(Math.min(composer.maxBytes, bytes) / 2);
      if (less < LEAST_MESSAGE / 4)
        return taken > 0 ? { status: "retry", cause, taken, afterMs: 0 } : { status: "rejected", cause };
      composer.maxBytes = less;
      log.warn("the input takes smaller messages only; they are cut from now on", {
        bytes,
        maxBytes: less,
        error: cause,
      });
      return { status: "retry", cause, taken, afterMs: 0 };
    }
    return { status: "sent" };
  };
  return { send, batchSize: 50, close: () => http.close() };
}

function httpClient(options: Config, { clock, log }: Context): GelfHttp {
  const { url = "", token_file, token, token_header } = options;
  if (token_file !== undefined && openToOthers(token_file)) log.warn("others can read the token", { file: token_file });
  const value = secretFrom(token_file, token, "token_file");
  if (!options.verify) log.warn("the input's certificate is not verified (verify: false)");
  return createGelfHttp({
    url,
    header: value === undefined ? undefined : { name: token_header, value },
    caFile: options.ca_file,
    certFile: options.cert_file,
    certKeyFile: options.cert_key_file,
    insecure: !options.verify,
    proxy: options.proxy?.reveal(),
    timeoutMs: options.timeout_seconds * 1000,
    clock,
  });
}

/** Keys that mean nothing, or that are missing, with the transport. */
function problemIn(options: Config): { readonly key: keyof Config; readonly message: string } | undefined {
  const { transport, url, tls } = options;
  const wanted = transport === "http" ? "url" : "address";
  if (options[wanted] === undefined)
    return { key: wanted, message: `expected with transport ${transport}, it is missing` };
  const idle = (transport === "http" ? ONLY_STREAM : ONLY_HTTP).find((key) => options[key] !== undefined);
  if (idle !== undefined)
    return { key: idle, message: `expected nothing with transport ${transport}, which does not use it` };
  if (options.token_file !== undefined && options.token !== undefined)
    return { key: "token", message: "expected either token_file or token" };
  if (tls && transport === "udp") return { key: "tls", message: "expected false: UDP is never encrypted; use tcp" };
  if (tls && url?.startsWith("http:")) return { key: "tls", message: "expected an https url beside it" };
  return undefined;
}

const ONLY_HTTP = ["url", "token_file", "token", "proxy"] as const;
const ONLY_STREAM = ["address", "server_name"] as const;
