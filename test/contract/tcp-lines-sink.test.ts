import { silentLog } from "../../src/lib/log.ts";
import tcpLines from "../../src/sinks/tcp-lines.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { TcpInput } from "../support/gelf-sim/tcp-input.ts";
import { tlsFixture } from "../support/http-server.ts";
import { tempDir } from "../support/temp.ts";
import { testSink } from "./sink.contract.ts";

const TLS = {
  tls: true,
  ca_file: tlsFixture("ca.pem"),
  cert_file: tlsFixture("client.pem"),
  cert_key_file: tlsFixture("client.key"),
};

for (const [title, delimiter, tls] of [
  ["tcp-lines", "newline", false],
  ["tcp-lines over TLS", "nul", true],
] as const)
  testSink(
    title,
    async (t) => {
      const input = await TcpInput.start(t, {
        delimiter: delimiter === "nul" ? "\0" : "\n",
        tls,
        clientCertificates: tls,
      });
      const context = { name: "lines", log: silentLog, clock: fastClock(10), cacheDir: tempDir(t) };
      const sink = await tcpLines.create(
        tcpLines.config.parse({ address: input.address, delimiter, ...(tls ? TLS : {}) }),
        context,
      );
      t.after(() => sink.close?.());
      return {
        sink,
        async received() {
          await input.quiet();
          return input.frames.map((line) => JSON.parse(line.toString()).data.misp.finding_id);
        },
        down: () => input.down(),
        up: () => input.up(),
      };
    },
    { stalls: false },
  );
