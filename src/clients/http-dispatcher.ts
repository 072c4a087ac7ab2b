import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Dispatcher } from "undici";
import { asError, TiplineError } from "../lib/errors.ts";
import { undici } from "./undici.ts";

/** The part of a client's options that says how connections are made. */
export interface ConnectionOptions {
  readonly caFile?: string | undefined;
  readonly ca?: string;
  readonly certFile?: string | undefined;
  readonly certKeyFile?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly proxy?: string | undefined;
  readonly timeoutMs: number;
  readonly connections?: number;
}

/** What a TLS connection is made with. `ca` replaces the authorities that Node trusts by itself. */
export interface TlsSettings {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

const MAX_CONNECT_MS = 15_000;
const MAX_PEM = 4 * 1024 * 1024;

/** Connections for one client; its files are read and checked now. */
export function createDispatcher(options: ConnectionOptions): Dispatcher {
  const tls = { ...tlsSettings(options), timeout: Math.min(options.timeoutMs, MAX_CONNECT_MS) };
  const times = { headersTimeout: options.timeoutMs, bodyTimeout: options.timeoutMs };
  const common = { ...times, connections: options.connections ?? 4 };
  const { Agent, Pool, ProxyAgent } = undici();
  if (options.proxy === undefined) return new Agent({ ...common, connect: tls });
  // The client certificate is for the server, not for the proxy.
  const { cert: _cert, key: _key, ...proxyTls } = tls;
  return new ProxyAgent({
    ...common,
    uri: proxyUrl(options.proxy),
    requestTls: tls,
    proxyTls,
    clientFactory: (origin, given) => new Pool(origin, { ...given, ...times }),
  });
}

/** Reads and checks the PEM files; throws TiplineError naming the one that is not usable. */
export function tlsSettings(options: Omit<ConnectionOptions, "timeoutMs">): TlsSettings {
  const { caFile, certFile, certKeyFile } = options;
  if ((certFile === undefined) !== (certKeyFile === undefined))
    throw new TiplineError("TIP_CONFIG_INVALID", "cert_file and cert_key_file: expected both or neither");
  const ca = [options.ca, caFile === undefined ? undefined : authority(caFile)].filter((text) => text !== undefined);
  const settings: TlsSettings = {
    ...(ca.length === 0 ? {} : { ca }),
    ...(certFile === undefined ? {} : { cert: pem(certFile, "cert_file") }),
    ...(certKeyFile === undefined ? {} : { key: pem(certKeyFile, "cert_key_file") }),
    ...(options.insecure ? { rejectUnauthorized: false } : {}),
  };
  try {
    if (certFile !== undefined) createSecureContext({ cert: settings.cert, key: settings.key });
  } catch (cause) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `cert_file, cert_key_file: expected a certificate and its unencrypted key in PEM, ${certFile} and ${certKeyFile} are not (${asError(cause).message.slice(0, 120)})`,
      { cause },
    );
  }
  return settings;
}

function authority(file: string): string {
  const text = pem(file, "ca_file");
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw new TiplineError("TIP_CONFIG_INVALID", `ca_file: expected a certificate in PEM, ${file} holds none`, {
      cause,
    });
  }
  return text;
}

function pem(file: string, key: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length <= MAX_PEM) return text;
  } catch (cause) {
    throw new TiplineError("TIP_CONFIG_INVALID", `${key}: expected a readable PEM file, ${file} cannot be read`, {
      cause,
    });
  }
  throw new TiplineError(
    "TIP_CONFIG_INVALID",
    `${key}: expected a PEM file of at most ${MAX_PEM} bytes, ${file} is larger`,
  );
}

/** The text may carry a password, so it is in no message. */
function proxyUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new TiplineError("TIP_CONFIG_INVALID", "proxy: expected an http or https URL such as http://proxy:3128");
  return url.href;
}
