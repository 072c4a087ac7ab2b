import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Secret } from "../lib/secret.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import { createWazuhApi, type WazuhApi } from "./wazuh-api.ts";

/** How the server API is reached, as a sink is configured. */
export interface WazuhApiSettings {
  readonly url: string;
  readonly user: string;
  readonly password_file?: string | undefined;
  readonly password?: Secret | undefined;
  readonly verify: boolean;
  readonly ca_file?: string | undefined;
  readonly proxy?: Secret | undefined;
  readonly timeout_seconds: number;
}

export const ONE_PASSWORD = "expected either password_file or password";

/** Throws TIP_CONFIG_INVALID where the password or a certificate cannot be read. */
export function connectWazuhApi(settings: WazuhApiSettings, clock: Clock): WazuhApi {
  const password = secretFrom(settings.password_file, settings.password, "password_file");
  if (password === undefined) throw new TiplineError("TIP_CONFIG_INVALID", ONE_PASSWORD);
  return createWazuhApi({
    url: settings.url,
    user: settings.user,
    password,
    clock,
    caFile: settings.ca_file,
    insecure: !settings.verify,
    proxy: settings.proxy?.reveal(),
    timeoutMs: settings.timeout_seconds * 1000,
  });
}
