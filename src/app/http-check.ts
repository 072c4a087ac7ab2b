import type { Config } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { parseListenAddress } from "../lib/http-front-listen.ts";

const OFFERING = new Set(["http", "graylog"]);

/** What `run` would refuse of what is offered over HTTP, said without opening or reading anything. */
export function checkHttp({ http, sources, lookup }: Config): void {
  const offers = sources
    .filter(({ definition }) => OFFERING.has(definition.type))
    .map(({ name, settings }) => ({ owner: `sources.${name}`, ...(settings as Offer) }));
  if (lookup !== undefined) offers.push({ owner: "lookup", ...lookup, path: "/v1/lookup" });
  const paths = new Map<string, string>();
  const address = http.listen === "off" ? undefined : parseListenAddress(http.listen, "http.listen");
  for (const { owner, path, token, token_file } of offers) {
    const fault = (text: string) => new TiplineError("TIP_CONFIG_INVALID", `${owner}: ${text}`);
    if (address === undefined) throw fault("it is reached over HTTP, and http.listen is off");
    const other = paths.get(path);
    if (other !== undefined) throw fault(`${other} already serves POST ${path}; set a path of its own`);
    paths.set(path, owner);
    if (!address.loopback && token === undefined && token_file === undefined)
      throw fault(
        `http.listen is ${http.listen}, which other hosts can reach: expected token_file (or token), found none`,
      );
  }
}

interface Offer {
  readonly path: string;
  readonly token?: unknown;
  readonly token_file?: unknown;
}
