import { z } from "zod";
import { expiryRules } from "../contract/expiry-schema.ts";
import { listenFault } from "../lib/http-front-listen.ts";
import { secretText } from "../lib/secret-schema.ts";
import { tlsSchema } from "../lib/tls-schema.ts";
import { duration, size } from "../lib/unit-schema.ts";

const listen = (loopbackOnly: boolean) =>
  z.string().superRefine((value, issues) => {
    const message = listenFault(value, loopbackOnly);
    if (message !== undefined) issues.addIssue({ code: "custom", message: `${message}, got "${value.slice(0, 100)}"` });
  });

export const TLP_LEVELS = ["clear", "green", "amber", "amber+strict", "red"] as const;

/** Keys that every sink takes beside its own. */
export const sinkCommon = z.strictObject({
  max_tlp: z
    .enum(TLP_LEVELS)
    .default("red")
    .describe(
      "Findings with a stricter TLP go out as id and link only; untagged counts as amber. Chats have green by default, webhooks to programs amber+strict.",
    ),
  required: z
    .boolean()
    .optional()
    .describe(
      "Hold the sources back rather than spill this sink's findings when the journal is full (default: only types wazuh and wazuh-api).",
    ),
  min_score: z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe("Leave findings below this score out (known-benign ones have 0)."),
});

/** Keys that every feed takes beside its own. */
export const feedCommon = z.strictObject({
  interval: duration.optional().describe("How often to pull this feed; default: sync.interval, else by type."),
  expiry: expiryRules
    .optional()
    .describe(
      "After how long without being seen a report counts no more: `never`, or a limit for each type (default for MISP: addresses 90 days, domains and URLs 365; lists never).",
    ),
});

const component = z.looseObject({ type: z.string().describe("Which kind of component this is.") });
const named = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "expected a name of lower-case letters, digits, - and _"),
  component,
);

/** The whole file except what each component says about itself. */
export const configSchema = z.strictObject({
  state_dir: z
    .string()
    .min(1)
    .default("/var/lib/tipline")
    .describe("Journal, generations, dead letters and keys live here."),
  log: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error", "silent"])
        .default("info")
        .describe("Least level that is logged."),
    })
    .prefault({})
    .describe("Logging; NDJSON on stderr."),
  sources: named
    .prefault({ wazuh: { type: "wazuh-alerts" } })
    .describe("Where alerts come from. Default: the alerts.json of a Wazuh manager on this host."),
  feeds: named
    .refine(
      (feeds) => Object.keys(feeds).length > 0,
      "expected at least one feed: without indicators nothing can match",
    )
    .describe("Where indicators come from."),
  sinks: named
    .refine((sinks) => !Object.hasOwn(sinks, "storm"), "expected another name than storm, which is storm control's own")
    .prefault({ wazuh: { type: "wazuh" } })
    .describe("Where findings go. Default: back into the Wazuh manager on this host."),
  own: z
    .strictObject({
      networks: z.array(z.string()).default([]).describe("Your own public networks, as a.b.c.d/n."),
      domains: z.array(z.string()).default([]).describe("Your own domains; subdomains included."),
      hashes: z.array(z.string()).default([]).describe("Hashes of your own files."),
      match_documentation: z
        .boolean()
        .default(false)
        .describe("Look documentation addresses (192.0.2.0/24, 2001:db8::/32 …) up as well: for test beds."),
    })
    .prefault({})
    .describe("What is yours: not looked up, or one finding a day for your own public addresses."),
  warninglists: z
    .strictObject({
      path: z
        .string()
        .optional()
        .describe(
          "Folder in the layout of MISP's warninglists, used instead of any other; default: the lists that the MISP servers of `feeds` have enabled, and a small built-in set.",
        ),
      refresh: duration
        .refine((milliseconds) => milliseconds >= 1000, "expected at least 1s")
        .prefault("6h")
        .describe("How often the servers are asked for their warninglists, decaying models and false positives."),
    })
    .prefault({})
    .describe("Lists of known benign values."),
  sync: z
    .strictObject({
      interval: duration
        .optional()
        .describe("How often feeds are pulled; default: MISP servers and local files 60s, feeds on the web 1h."),
      confirm_shrink: z
        .boolean()
        .default(false)
        .describe("Accept a feed that lost more than 30% of its reports at once."),
    })
    .prefault({})
    .describe("Pulling feeds."),
  hunt: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe("Look for indicators that a sync brings in Wazuh's alerts of the time before they came."),
      window: duration
        .refine((ms) => ms >= 3_600_000, "expected at least 1h")
        .prefault("7d")
        .describe("How far back."),
      archives: z
        .boolean()
        .default(false)
        .describe("Also in logs/archives (every event), where logall_json keeps them."),
      max_cpu_percent: z
        .number()
        .min(1)
        .max(100)
        .default(25)
        .describe("At most so much of one processor's time is taken; nothing is read while a source is behind."),
      max_sketch_bytes: size
        .prefault("2GiB")
        .describe("Limit of what is remembered of each file, so that it need not be read again for every sync."),
    })
    .prefault({})
    .describe("Hunting in the past for what has just become known."),
  storm: z
    .strictObject({
      window: duration
        .prefault("1h")
        .describe("Repeats of one indicator on one entity within this time are counted, not sent."),
      spread_entities: z
        .number()
        .int()
        .min(2)
        .default(20)
        .describe("More entities than this on one indicator within spread_window make one loud finding."),
      spread_window: duration.prefault("10m").describe("See spread_entities."),
    })
    .prefault({})
    .describe("Storm control."),
  journal: z
    .strictObject({ max_bytes: size.prefault("1GiB").describe("Limit of findings waiting for sinks, in bytes.") })
    .prefault({})
    .describe("The durable queue between matching and sinks."),
  matching: z
    .strictObject({
      threads: z
        .union([z.literal("auto"), z.number().int().min(0).max(32)])
        .default("auto")
        .describe(
          "Threads that match alerts beside the one that writes and sends; `auto`: one per further processor, at most 4; 0: none.",
        ),
    })
    .prefault({})
    .describe("How alerts are matched."),
  canary: z
    .strictObject({
      enabled: z
        .boolean()
        .optional()
        .describe(
          "Send a test event through Wazuh and back every few minutes; default: where a source of type wazuh-alerts and a sink of type wazuh with `confirm` are configured.",
        ),
      interval: duration
        .refine((ms) => ms >= 10_000, "expected at least 10s")
        .prefault("5m")
        .describe("How often a canary goes out."),
      timeout: duration
        .refine((ms) => ms >= 3_000, "expected at least 3s: alerts.json is flushed once a second, twice on the way")
        .prefault("2m")
        .describe("How long each of its steps may take; time in which the source is behind does not count."),
    })
    .prefault({})
    .describe("The canary: proves that alerts are read, matched, delivered and alerted on."),
  trouble_events: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe("Tell Wazuh, as events for rule 100621, what is wrong with Tipline (needs a sink of type wazuh)."),
      repeat: duration
        .refine((ms) => ms >= 600_000, "expected at least 10m")
        .prefault("1h")
        .describe("How often a trouble that lasts is told again."),
    })
    .prefault({})
    .describe("What is wrong with Tipline, as alerts in Wazuh."),
  http: z
    .strictObject({
      listen: listen(false)
        .default("127.0.0.1:9628")
        .describe(
          "address:port of what Tipline offers over HTTP (sources http and graylog, lookup); opened only when something is offered. `off` for none.",
        ),
      tls: tlsSchema
        .optional()
        .describe("Serve HTTPS; with client_ca_file only clients that have a certificate of that authority."),
    })
    .prefault({})
    .describe("The HTTP listener. Beyond loopback everything on it must have a token."),
  lookup: z
    .strictObject({
      token: secretText("Bearer token; give it from the environment.").optional(),
      token_file: z.string().min(1).optional().describe("File with the bearer token, instead of token."),
      max_tlp: z
        .enum(TLP_LEVELS)
        .default("amber+strict")
        .describe("Of what has a stricter TLP only score and link are told; untagged counts as amber."),
    })
    .optional()
    .describe("GET and POST /v1/lookup, for Graylog's HTTP-JSONPath adapter and for scripts; off unless given."),
  metrics: z
    .strictObject({
      listen: listen(true).default("127.0.0.1:9627").describe("host:port of /metrics and /healthz; `off` for none."),
    })
    .prefault({})
    .describe("Prometheus metrics and health."),
});

export type RawConfig = z.output<typeof configSchema>;
