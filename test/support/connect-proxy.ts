import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TestContext } from "node:test";

export interface ConnectProxy {
  /** Without credentials. */
  readonly url: string;
  /** `host:port` of every tunnel that was asked for, and the headers it came with. */
  readonly tunnels: { readonly target: string; readonly headers: IncomingMessage["headers"] }[];
  /** Requests that came without a tunnel: the key would be in the open. */
  plain: number;
}

/** An HTTP proxy that only tunnels; `credentials` (`user:password`) makes it ask for them. */
export async function serveProxy(t: TestContext, { credentials = "", refuses = 0 } = {}): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const proxy = { url: "", tunnels: [] as ConnectProxy["tunnels"], plain: 0 };
  const server = createServer((_request, response) => {
    proxy.plain++;
    response.writeHead(405).end();
  });
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    sockets.add(client);
    client.on("error", () => undefined);
    const { url: target = "", headers } = request;
    proxy.tunnels.push({ target, headers });
    const wanted = `Basic ${Buffer.from(credentials).toString("base64")}`;
    const unknown = credentials !== "" && headers["proxy-authorization"] !== wanted;
    const status = unknown ? 407 : refuses;
    if (status > 0) {
      client.end(`HTTP/1.1 ${status} No\r\nproxy-authenticate: Basic realm="t"\r\n\r\n`);
      return;
    }
    const [host = "", port = ""] = target.split(":");
    const upstream = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client);
      client.pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}
