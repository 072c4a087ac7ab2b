import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { packageRoot } from "../../src/lib/package-root.ts";

export const containerFile = (name: string): string =>
  readFileSync(join(packageRoot(), "setup/container", name), "utf8");

export interface Service {
  readonly image: string;
  readonly build?: unknown;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly network_mode?: string;
  readonly group_add?: readonly string[];
  readonly profiles?: readonly string[];
  readonly volumes?: readonly (string | Mount)[];
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly volume?: { readonly subpath?: string };
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** The file as compose sees it: anchors merged, `${NAME:-default}` replaced by the default, `$$` by `$`. */
export function readCompose(): Compose {
  const text = containerFile("compose.yaml").replace(/\$\{[A-Z_]+:-([^}]*)\}/g, "$1");
  const unset = /(?<!\$)\$\{?[A-Za-z_]/.exec(text);
  if (unset) throw new Error(`a variable without a default: ${text.slice(unset.index, unset.index + 40)}`);
  return parse(text.replaceAll("$$", "$"), { merge: true }) as Compose;
}

export function secretsOf({ secrets = [] }: Service): string[] {
  return secrets.map((secret) => (typeof secret === "string" ? secret : secret.source));
}

/** Source and target of every mount, short form and long. */
export function mountsOf({ volumes = [] }: Service): Mount[] {
  return volumes.map((volume) => {
    if (typeof volume !== "string") return volume;
    const [source = "", target = "", mode] = volume.split(":");
    return { source, target, read_only: mode === "ro" };
  });
}
