import { createServer, type Server } from "node:http";
import { isIP } from "node:net";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { OutboxBacklog } from "../contract/outbox.ts";
import type { Sink } from "../contract/sink.ts";
import type { SourceLag } from "../contract/source.ts";
import { TiplineError } from "../lib/errors.ts";
import { listenFault, parseListenAddress } from "../lib/http-front-listen.ts";
import type { VerdictTally } from "./match-wire.ts";

/** Reasons why the line is not healthy now; empty = healthy. */
export type HealthCheck = () => readonly string[];

/** Every metric Tipline has; names are API (docs/METRICS.md lists them). */
export class Metrics {
  readonly registry = new Registry();
  readonly alertsRead = this.#counter("tipline_alerts_read_total", "Alerts read, by source.", ["source"]);
  readonly findings = this.#counter("tipline_findings_total", "Findings made, by band.", ["band"]);
  readonly matches = this.#counter("tipline_matches_total", "Matches by observable type, suppressed ones included.", [
    "type",
  ]);
  readonly suppressed = this.#counter("tipline_suppressed_total", "Matches explained away, by what did it.", ["by"]);
  readonly deadLetters = this.#counter("tipline_dead_letters_total", "Records and findings put into the dead letter.", [
    "component",
  ]);
  readonly droppedDeadLetters = this.#counter(
    "tipline_dead_letters_dropped_total",
    "Dead letters, oldest first, that had to make room for newer ones.",
    [],
  );
  readonly delivered = this.#counter("tipline_delivered_total", "Findings delivered, by sink.", ["sink"]);
  readonly retries = this.#counter("tipline_send_retries_total", "Sendings that a sink could not take, by sink.", [
    "sink",
  ]);
  readonly spilled = this.#counter(
    "tipline_spilled_total",
    "Findings moved to the dead letter because the journal was full.",
    ["sink"],
  );
  readonly syncs = this.#counter("tipline_syncs_total", "Pulls of a feed, by outcome.", ["feed", "outcome"]);
  readonly hinted = this.#counter("tipline_hinted_pulls_total", "Pulls of what ZeroMQ hinted at, by outcome.", [
    "feed",
    "outcome",
  ]);
  readonly knowledgeAge = this.#gauge(
    "tipline_knowledge_age_seconds",
    "Seconds since a server's warninglists, taxonomies, decaying models and sightings were refreshed, by feed.",
    ["feed"],
  );
  readonly lagBytes = this.#gauge("tipline_source_lag_bytes", "Bytes written but not read, by source.", ["source"]);
  readonly lagSeconds = this.#gauge("tipline_source_lag_seconds", "Age of the oldest unread input, by source.", [
    "source",
  ]);
  readonly lagFiles = this.#gauge("tipline_source_lag_files", "Files that wait in a spool, by source.", ["source"]);
  readonly generationAge = this.#gauge(
    "tipline_generation_age_seconds",
    "Seconds since the last good pull of the feed whose is oldest.",
    [],
  );
  readonly feedAge = this.#gauge("tipline_feed_age_seconds", "Seconds since the last good pull, by feed.", ["feed"]);
  readonly indicators = this.#gauge("tipline_indicators", "Indicators of the live generation, by type.", ["type"]);
  readonly indexBytes = this.#gauge("tipline_index_bytes", "Memory of the live index.", []);
  readonly quarantined = this.#gauge("tipline_quarantined_indicators", "Indicators refused as dangerous.", []);
  readonly backlog = this.#gauge("tipline_backlog_findings", "Findings waiting in the journal, by reader.", ["reader"]);
  readonly unconfirmed = this.#gauge("tipline_unconfirmed_findings", "Findings sent and not yet seen again, by sink.", [
    "sink",
  ]);
  readonly outboxMessages = this.#gauge(
    "tipline_outbox_messages",
    "Messages in a sink's outbox that its receiver has not taken.",
    ["sink"],
  );
  readonly outboxFindings = this.#gauge(
    "tipline_outbox_findings",
    "Findings in a sink's outbox, those that a digest gathers included.",
    ["sink"],
  );
  readonly outboxAge = this.#gauge(
    "tipline_outbox_oldest_seconds",
    "Age of the oldest message in a sink's outbox that waits for its receiver.",
    ["sink"],
  );
  readonly outboxDisabled = this.#gauge(
    "tipline_outbox_disabled",
    "1 when the receiver said that it wants nothing any more.",
    ["sink"],
  );
  readonly outboxAttempts = this.#counter(
    "tipline_outbox_attempts_total",
    "Attempts to deliver a message of an outbox, by outcome.",
    ["sink", "outcome"],
  );
  readonly canarySent = this.#counter("tipline_canary_sent_total", "Canaries sent.", []);
  readonly canaryLost = this.#counter(
    "tipline_canary_lost_total",
    "Canaries that did not come back in time, by the hop they did not pass.",
    ["hop"],
  );
  readonly canaryRoundTrip = new Histogram({
    name: "tipline_canary_round_trip_seconds",
    help: "From sending a canary to reading the alert of its finding.",
    buckets: [0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 30, 60, 120, 300],
    registers: [this.registry],
  });
  readonly canaryLastRoundTrip = this.#gauge(
    "tipline_canary_last_round_trip_seconds",
    "The last canary's time from sending to reading the alert of its finding.",
    [],
  );
  readonly httpRequests = this.#counter(
    "tipline_http_requests_total",
    "Requests answered over HTTP, by route and status.",
    ["route", "status"],
  );
  readonly lookups = this.#counter("tipline_lookups_total", "Values looked up over HTTP, by verdict.", ["verdict"]);
  readonly repeated = this.#counter(
    "tipline_repeated_deliveries_total",
    "Deliveries that had been committed before and were not taken a second time, by source.",
    ["source"],
  );
  readonly hunts = this.#counter("tipline_hunts_total", "Hunts for indicators that a sync brought, by outcome.", [
    "outcome",
  ]);
  readonly huntBytes = this.#counter(
    "tipline_hunt_bytes_total",
    "Bytes of past alerts passed, by whether they were read or ruled out by a sketch.",
    ["how"],
  );
  readonly huntFindings = this.#counter(
    "tipline_hunt_findings_total",
    "Findings of mode retro handed to the journal.",
    [],
  );
  readonly huntPending = this.#gauge("tipline_hunt_pending_indicators", "Indicators that wait to be hunted.", []);
  readonly huntAge = this.#gauge(
    "tipline_hunt_pending_age_seconds",
    "How long the oldest of them has been waiting.",
    [],
  );
  readonly healthy = this.#gauge("tipline_healthy", "1 when /healthz answers 200.", []);

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** Counts, at each scrape, what sinks sent over transports that acknowledge nothing. */
  watchSinks(sinks: readonly { readonly name: string; readonly sink: Pick<Sink, "uncertain"> }[]): void {
    this.registry.removeSingleMetric("tipline_uncertain_total");
    new Counter({
      name: "tipline_uncertain_total",
      help: "Findings sent of which nobody can know whether they arrived, by sink.",
      labelNames: ["sink"],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { name, sink } of sinks)
          if (sink.uncertain !== undefined) this.inc({ sink: name }, sink.uncertain());
      },
    });
  }

  /** Counts one judged alert. */
  countVerdict({ band, matches }: VerdictTally): void {
    this.findings.inc({ band });
    for (const { type, by } of matches) {
      this.matches.inc({ type });
      for (const each of by) this.suppressed.inc({ by: each });
    }
  }

  canaryReturned(seconds: number): void {
    this.canaryRoundTrip.observe(seconds);
    this.canaryLastRoundTrip.set(seconds);
  }

  setOutbox(sink: string, { messages, findings, seconds, disabled }: OutboxBacklog): void {
    this.outboxMessages.set({ sink }, messages);
    this.outboxFindings.set({ sink }, findings);
    this.outboxAge.set({ sink }, seconds);
    this.outboxDisabled.set({ sink }, disabled ? 1 : 0);
  }

  /** Records a source's lag; unknown members keep their last value. */
  setLag(source: string, lag: SourceLag): void {
    if (lag.bytes !== undefined) this.lagBytes.set({ source }, lag.bytes);
    if (lag.seconds !== undefined) this.lagSeconds.set({ source }, lag.seconds);
    if (lag.files !== undefined) this.lagFiles.set({ source }, lag.files);
  }
}

/**
 * Serves `/metrics` and `/healthz` (200 `ok`, or 503 with one reason a line). `refresh` runs before each answer. Refuses to
 * listen beyond loopback: both pages name hosts and feeds and have no authentication.
 */
export async function serveMetrics(
  listen: string,
  metrics: Metrics,
  health: HealthCheck,
  refresh: () => void,
): Promise<Server | undefined> {
  if (listen === "off") return undefined;
  const fault = listenFault(listen, true);
  if (fault !== undefined) throw new TiplineError("TIP_CONFIG_INVALID", `metrics.listen: ${fault}, got "${listen}"`);
  const { host, port } = parseListenAddress(listen, "metrics.listen");
  const server = createServer((request, response) => {
    const page = isLoopbackName(request.headers.host) ? (request.url ?? "/") : undefined;
    void answer(page, metrics, health, refresh)
      .catch((error: unknown) => ({ status: 500, type: "text/plain", body: `${String(error)}\n` }))
      .then(({ status, type, body }) => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
      });
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new TiplineError("TIP_CONFIG_INVALID", `metrics.listen: cannot listen on ${listen}: ${cause.message}`, {
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  // Also after listening: a process short of descriptors cannot accept, and must not end over a scrape.
  server.on("error", () => undefined);
  server.unref();
  return server;
}

/**
 * A browser on this host that was given a name of somebody's own for 127.0.0.1 (DNS rebinding) sends that name along; who
 * asks for an address or `localhost` does not.
 */
function isLoopbackName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d{1,5}$/, "").replace(/^\[|\]$/g, "");
  return name.toLowerCase() === "localhost" || isIP(name) !== 0;
}

async function answer(url: string | undefined, metrics: Metrics, health: HealthCheck, refresh: () => void) {
  if (url === undefined) return { status: 421, type: "text/plain", body: "ask for localhost or an address\n" };
  refresh();
  const troubles = health();
  metrics.healthy.set(troubles.length === 0 ? 1 : 0);
  const path = url.split("?")[0];
  if (path === "/metrics")
    return { status: 200, type: metrics.registry.contentType, body: await metrics.registry.metrics() };
  if (path === "/healthz") {
    const body = troubles.length === 0 ? "ok\n" : `${troubles.join("\n")}\n`;
    return { status: troubles.length === 0 ? 200 : 503, type: "text/plain; charset=utf-8", body };
  }
  return { status: 404, type: "text/plain", body: "try /metrics or /healthz\n" };
}
