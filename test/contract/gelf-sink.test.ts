import assert from "node:assert/strict";
import type { Sink } from "../../src/contract/sink.ts";
import { silentLog } from "../../src/lib/log.ts";
import gelf from "../../src/sinks/gelf.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { decodeGelf } from "../support/gelf-sim/decoder.ts";
import { HttpInput } from "../support/gelf-sim/http-input.ts";
import { SimIndex } from "../support/gelf-sim/index.ts";
import { TcpInput } from "../support/gelf-sim/tcp-input.ts";
import { UdpInput } from "../support/gelf-sim/udp-input.ts";
import { tlsFixture } from "../support/http-server.ts";
import { tempDir } from "../support/temp.ts";
import { type OpenHarness, testSink } from "./sink.contract.ts";

/** Ids of what arrived, all the way: decoded, and taken by an index. */
function ids(frames: readonly Buffer[]): readonly string[] {
  const index = new SimIndex();
  for (const frame of frames) {
    const decoded = decodeGelf(frame, 1);
    assert.ok("fields" in decoded, JSON.stringify(decoded));
    assert.deepEqual([decoded.dropped, decoded.warnings], [[], []]);
    index.add(decoded);
  }
  assert.deepEqual(index.failures, []);
  return index.documents.map((fields) => String(fields.get("tipline_finding_id")));
}

interface Input {
  readonly frames: readonly Buffer[];
  down(): Promise<void>;
  up(): Promise<void>;
  quiet?(): Promise<void>;
}

function harness<I extends Input>(
  start: (t: Parameters<OpenHarness>[0]) => Promise<I>,
  settings: (input: I) => Record<string, unknown>,
): OpenHarness {
  return async (t) => {
    const input = await start(t);
    const context = { name: "graylog", log: silentLog, clock: fastClock(10), cacheDir: tempDir(t) };
    const sink: Sink = await gelf.create(gelf.config.parse(settings(input)), context);
    t.after(() => sink.close?.());
    return {
      sink,
      async received() {
        await input.quiet?.();
        return ids(input.frames);
      },
      down: () => input.down(),
      up: () => input.up(),
    };
  };
}

const TLS = {
  ca_file: tlsFixture("ca.pem"),
  cert_file: tlsFixture("client.pem"),
  cert_key_file: tlsFixture("client.key"),
};

testSink(
  "gelf over TCP",
  harness(TcpInput.start, ({ address }) => ({ address })),
  { stalls: false },
);
testSink(
  "gelf over TLS with a client certificate",
  harness(
    (t) => TcpInput.start(t, { tls: true, clientCertificates: true }),
    ({ address }) => ({ address, tls: true, ...TLS, full: true }),
  ),
  { stalls: false },
);
testSink(
  "gelf over UDP",
  harness(UdpInput.start, ({ address }) => ({ transport: "udp", address })),
  { stalls: false },
);
testSink(
  "gelf over HTTP",
  harness(HttpInput.start, ({ url }) => ({ transport: "http", url })),
  { stalls: false },
);
testSink(
  "gelf over HTTPS with a header",
  harness(
    (t) => HttpInput.start(t, { tls: true, clientCertificates: true, header: { name: "X-Key", value: "s3cret" } }),
    ({ url }) => ({ transport: "http", url, ...TLS, token: "s3cret", token_header: "X-Key" }),
  ),
  { stalls: false },
);
