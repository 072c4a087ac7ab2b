import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findConfig } from "../app/paths.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Secret } from "../lib/secret.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import type { Receiver, Route, TiplineReceiver, TlsFiles } from "../setup/fluent-bit/generate.ts";
import { isLoopback } from "../setup/fluent-bit/rules-output.ts";
import { note, safe, safeLines } from "./output.ts";

/** Flags that say where alerts go. */
export interface ReceiverFlags {
  readonly route: string;
  readonly config?: string;
  readonly tipline?: string;
  readonly tiplineTls?: boolean;
  readonly tiplineCa?: string;
  readonly graylog?: string;
  readonly graylogTls: boolean;
  readonly graylogCa?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly token: boolean;
  readonly tokenEnv: string;
  readonly tokenFile?: string;
}

const TIPLINE_PORT = 9628;
const GRAYLOG_PORT = 5555;
const URI = "/v1/alerts";

/** Where the distributions keep the authorities that they trust. */
const SYSTEM_CA = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

export interface Receivers {
  readonly tipline: TiplineReceiver | undefined;
  readonly graylog: Receiver | undefined;
  /** The token that Tipline's configuration here asks for; undefined: not known. */
  readonly token: Secret | undefined;
}

/** Who gets the alerts. Throws TIP_USAGE_INVALID for flags that contradict each other or are missing. */
export async function receivers(flags: ReceiverFlags, route: Route): Promise<Receivers> {
  if (route !== "tipline" && flags.graylog === undefined)
    throw usage(`--route ${route}: expected --graylog HOST[:PORT] as well`);
  if (route === "tipline" && flags.graylog !== undefined)
    throw usage("--graylog: expected --route graylog or both as well");
  const graylog = route === "tipline" ? undefined : toGraylog(flags);
  if (route === "graylog") return { tipline: undefined, graylog, token: undefined };
  return { ...(await toTipline(flags)), graylog };
}

/** An HTTP listener of Tipline, and what its source there asks for. */
interface Listener {
  readonly host: string;
  readonly port: number;
  readonly uri: string;
  /** Undefined: not known from here. */
  readonly asks: "token" | "nothing" | undefined;
  readonly token?: Secret | undefined;
}

async function toTipline(flags: ReceiverFlags): Promise<Pick<Receivers, "token"> & { tipline: TiplineReceiver }> {
  const { host, port, uri, asks, token } =
    flags.tipline === undefined
      ? await listenerHere(flags.config)
      : { ...addressOf("--tipline", flags.tipline, TIPLINE_PORT), uri: URI, asks: undefined, token: undefined };
  const local = isLoopback(host);
  const tls = flags.tiplineTls ?? (!local || flags.tiplineCa !== undefined || flags.certFile !== undefined);
  if (!tls && !local) throw usage(`--no-tipline-tls: expected loopback, found ${host}: the token would go in clear`);
  if (!flags.token && !local) throw usage("--no-token: expected loopback; elsewhere Tipline asks for one");
  const files: TlsFiles = {
    caFile: authority(flags.tiplineCa),
    certFile: flags.certFile && resolve(flags.certFile),
    keyFile: flags.keyFile && resolve(flags.keyFile),
  };
  const sends = flags.token && (flags.tokenFile !== undefined || asks !== "nothing");
  const tokenEnv = sends ? flags.tokenEnv : undefined;
  return { tipline: { host, port, uri, tls: tls ? files : undefined, tokenEnv }, token: sends ? token : undefined };
}

function toGraylog({ graylog = "", graylogTls, graylogCa }: ReceiverFlags): Receiver {
  const tls = graylogTls ? { caFile: authority(graylogCa) } : undefined;
  return { ...addressOf("--graylog", graylog, GRAYLOG_PORT), tls };
}

/** The listener of the configuration here; without one, where it is by default. */
async function listenerHere(named: string | undefined): Promise<Listener> {
  const stock: Listener = { host: "127.0.0.1", port: TIPLINE_PORT, uri: URI, asks: undefined };
  const path = findConfig(named);
  if (path === undefined) return stock;
  let config: Config;
  try {
    config = await loadConfig(path, { CREDENTIALS_DIRECTORY: "/etc/tipline/credentials", ...process.env });
  } catch (thrown) {
    if (named !== undefined) throw thrown;
    note(`${safe(path)} was not taken into account: ${safeLines(asError(thrown).message)}`);
    return stock;
  }
  const { http } = config;
  if (http.listen === "off") throw usage(`http.listen is off in ${path}: expected an address there, or --tipline HOST`);
  const { host, port } = addressOf("http.listen", http.listen, TIPLINE_PORT);
  if (http.tls !== undefined)
    throw usage(`${path} serves HTTPS: expected --tipline NAME:${port}, with the name that is in its certificate`);
  const any = ["0.0.0.0", "::"].includes(host);
  if (!any && !isLoopback(host))
    throw usage(`${path} listens on ${host} without TLS: give it http.tls, or let it listen on 127.0.0.1`);
  return { ...stock, host: any ? stock.host : host, port, ...sourceOf(config, path) };
}

/** What the source that takes alerts over HTTP has of its own. */
function sourceOf({ sources }: Config, path: string): Pick<Listener, "uri" | "asks" | "token"> {
  const source = sources.find(({ definition }) => definition.type === "http");
  if (source === undefined) {
    note(`${safe(path)} has no source of type http yet, so that Tipline takes nothing: see docs/fluent-bit.md`);
    return { uri: URI, asks: undefined };
  }
  const {
    path: uri,
    token,
    token_file: file,
  } = source.settings as {
    path: string;
    token?: Secret;
    token_file?: string;
  };
  const asks = token === undefined && file === undefined ? "nothing" : "token";
  return { uri, asks, token: secretFrom(file, token, `sources.${source.name}.token_file`) };
}

/** `host`, `host:port`, `[v6]:port`. */
function addressOf(flag: string, text: string, otherwise: number): { host: string; port: number } {
  const [, bracketed, name, digits] =
    /^(?:\[([0-9A-Fa-f:]{2,45})\]|([^\s:/[\]]{1,253}))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? name;
  const port = digits === undefined ? otherwise : Number(digits);
  if (host !== undefined && port > 0 && port < 65_536) return { host, port };
  throw usage(`${flag}: expected HOST or HOST:PORT, found "${safe(text, 80)}"`);
}

function authority(named: string | undefined): string {
  if (named !== undefined) return resolve(named);
  return SYSTEM_CA.find((path) => existsSync(path)) ?? "/etc/ssl/certs/ca-certificates.crt";
}

function usage(message: string): TiplineError {
  return new TiplineError("TIP_USAGE_INVALID", message);
}
