import type { GraylogApi, GraylogInput, PackInstallation, UrlAllowlist } from "../../clients/graylog-api.ts";
import { TiplineError } from "../../lib/errors.ts";
import { type JsonObject, type JsonValue, text } from "../../model/json.ts";
import { type AllowlistEntry, allowlistEntries } from "./allowlist.ts";
import type { PackOptions } from "./options.ts";
import { type ContentPack, markIn, PACK_ID } from "./pack.ts";
import type { Reference } from "./value.ts";

/** What the pack needs at least. */
const OLDEST = [6, 0] as const;

/** What of the pack is in a Graylog already. */
export interface InstallState {
  readonly version: string;
  readonly revisions: ReadonlyMap<number, JsonObject>;
  readonly installed: readonly PackInstallation[];
  readonly inputs: readonly GraylogInput[];
  readonly allowlist: UrlAllowlist;
}

/** Reads it; throws where Graylog is too old or does not let us look. */
export async function readState(api: GraylogApi, signal: AbortSignal): Promise<InstallState> {
  const version = await api.version(signal);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (!(major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])))
    throw new TiplineError("TIP_INPUT_INVALID", `expected Graylog 6.0 or newer, found ${version}: upgrade it first`);
  return {
    version,
    revisions: await api.packRevisions(PACK_ID, signal),
    installed: await api.installations(PACK_ID, signal),
    inputs: await api.inputs(signal),
    allowlist: await api.allowlist(signal),
  };
}

/** Whether Graylog has this very content under the pack's revision. */
export function hasContent({ revisions }: InstallState, pack: ContentPack): boolean {
  return markIn(text(revisions.get(pack.rev), "description") ?? "") === markIn(pack.description);
}

export function isInstalled(
  state: InstallState,
  pack: ContentPack,
  values: Readonly<Record<string, Reference>>,
): boolean {
  const [only, ...others] = state.installed;
  return (
    only !== undefined &&
    others.length === 0 &&
    only.revision === pack.rev &&
    hasContent(state, pack) &&
    sameValues(only.parameters, values)
  );
}

function sameValues(found: JsonObject, wanted: Readonly<Record<string, Reference>>): boolean {
  const names = Object.keys(wanted);
  return (
    Object.keys(found).length === names.length &&
    names.every((name) => text(found, name, "@value") === String(wanted[name]?.["@value"]))
  );
}

/** A newer Tipline's pack is not put back to an older one by accident. */
export function refuseNewer({ revisions, installed }: InstallState, pack: ContentPack): void {
  const newest = Math.max(...revisions.keys(), ...installed.map(({ revision }) => revision), 0);
  if (newest > pack.rev)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `Graylog has revision ${newest} of the pack, from a newer Tipline; this one has revision ${pack.rev}: use the newer one`,
    );
}

/** Two inputs cannot listen on one port: Graylog would make ours, and it would fail. */
export function refuseTakenPorts({ inputs, installed }: InstallState, options: PackOptions): void {
  const ours = new Set(installed.flatMap(({ entities }) => entities.map(({ id }) => id)));
  const wanted = [
    { name: "gelf", flag: "--gelf-port", port: options.gelfPort },
    { name: "raw", flag: "--raw-port", port: options.rawPort },
  ] as const;
  for (const { name, flag, port } of wanted) {
    if (!options.inputs.includes(name)) continue;
    const other = inputs.find((input) => input.port === port && !ours.has(input.id) && !/udp/i.test(input.type));
    if (other !== undefined)
      throw new TiplineError(
        "TIP_INPUT_INVALID",
        `port ${port} belongs to the input "${other.title}" already: ${flag} takes another one, or leave ours away with --inputs${name === "raw" ? " gelf; what comes in by that one is parsed all the same" : " raw"}`,
      );
  }
}

/** The list with our entries in it, or undefined when it allows them as it is. */
export function allowedWith(list: UrlAllowlist, options: PackOptions): UrlAllowlist | undefined {
  const wanted = allowlistEntries(options);
  if (list.disabled || wanted.every((entry) => list.entries.some((found) => sameEntry(found, entry)))) return undefined;
  return { ...list, entries: [...withoutOurs(list, wanted), ...wanted.map((entry): JsonObject => ({ ...entry }))] };
}

/** The list without our entries, or undefined when there are none. */
export function allowedWithout(list: UrlAllowlist, options: PackOptions): UrlAllowlist | undefined {
  const left = withoutOurs(list, allowlistEntries(options));
  return left.length === list.entries.length ? undefined : { ...list, entries: left };
}

const withoutOurs = (list: UrlAllowlist, ours: readonly AllowlistEntry[]) =>
  list.entries.filter((found) => !ours.some(({ id }) => found["id"] === id));

const sameEntry = (found: JsonValue, { type, value }: AllowlistEntry) =>
  text(found, "type")?.toLowerCase() === type && text(found, "value") === value;
