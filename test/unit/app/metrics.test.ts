import assert from "node:assert/strict";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Metrics, serveMetrics } from "../../../src/app/metrics.ts";

test("only addresses and localhost are answered, so that no foreign name can be bent to this host", async (t) => {
  const server = await serveMetrics(
    "127.0.0.1:0",
    new Metrics(),
    () => [],
    () => undefined,
  );
  t.after(() => void server?.close());
  assert.ok(server);
  const { port } = server.address() as AddressInfo;
  const status = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, path: "/healthz", headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on("error", reject).end();
    });
  for (const host of [`127.0.0.1:${port}`, "localhost", `LOCALHOST:${port}`, `[::1]:${port}`])
    assert.equal(await status(host), 200, host);
  for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example"])
    assert.equal(await status(host), 421, host);
});

test("it never listens beyond loopback", async () => {
  for (const listen of [
    "0.0.0.0:9627",
    ":9627",
    "[::]:9627",
    "10.0.0.1:1",
    "127.0.0.1",
    "127.0.0.1:x",
    "evil.example:1",
  ])
    await assert.rejects(
      serveMetrics(
        listen,
        new Metrics(),
        () => [],
        () => undefined,
      ),
      {
        code: "TIP_CONFIG_INVALID",
      },
    );
});
