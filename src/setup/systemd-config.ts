import { dirname, isAbsolute } from "node:path";
import { isMap, isScalar, parseDocument, visit } from "yaml";
import { TiplineError } from "../lib/errors.ts";

/** What a unit must know of the configuration it runs. */
export interface UnitNeeds {
  /** Names of `${CREDENTIALS_DIRECTORY}/NAME`, sorted. */
  readonly credentials: readonly string[];
  /** Folders outside of what the unit has anyway that the line writes to, sorted. */
  readonly writable: readonly string[];
  /** Files that it reads secrets and certificates from, sorted; those of `credentials` not among them. */
  readonly files: readonly string[];
  /** Relative paths: a service has no folder of its own to start from. */
  readonly relative: readonly string[];
}

const MAX_BYTES = 1024 * 1024;
const CREDENTIAL = /\$\{CREDENTIALS_DIRECTORY\}\/([A-Za-z0-9._-]{1,200})/g;
/** StateDirectory= and LogsDirectory= of the unit. */
const OWN = ["/var/lib/tipline", "/var/log/tipline"];

/**
 * Reads of a configuration what the unit depends on, without its secrets and environment: whether it is right as a whole is
 * `config check`'s to say.
 */
export function unitNeeds(text: string, file: string): UnitNeeds {
  if (text.length > MAX_BYTES) throw new TiplineError("TIP_CONFIG_INVALID", `${file}: larger than 1 MiB`);
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  if (error)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${file}: ${error.message.slice(0, 200)} (see \`tipline config check\`)`,
    );
  const at = (...path: string[]) => {
    const found = document.getIn(path, true);
    return isScalar(found) && typeof found.value === "string" ? found.value : undefined;
  };
  const folders = new Set<string>();
  const state = at("state_dir");
  if (state !== undefined) folders.add(state);
  for (const name of namesOf("sinks")) {
    const path = at("sinks", name, "path");
    if (path !== undefined && path !== "-") folders.add(dirname(path));
  }
  for (const name of namesOf("sources")) {
    const spool = at("sources", name, "type") === "wazuh-hook" ? at("sources", name, "path") : undefined;
    // The hook's own place is in the unit, below the manager's prefix.
    if (spool !== undefined && !spool.endsWith("/queue/tipline")) folders.add(spool);
  }
  const files = new Set<string>();
  visit(document, {
    Pair(_, { key, value }) {
      const named = isScalar(key) && typeof key.value === "string" && key.value.endsWith("_file");
      if (named && isScalar(value) && typeof value.value === "string" && !value.value.includes("${"))
        files.add(value.value);
    },
  });
  const all = [...folders].sort();
  return {
    credentials: [...new Set([...text.matchAll(CREDENTIAL)].map(([, name = ""]) => name))].sort(),
    writable: all.filter((path) => isAbsolute(path) && !OWN.some((own) => path === own || path.startsWith(`${own}/`))),
    files: [...files].filter((path) => isAbsolute(path)).sort(),
    relative: [...all, ...files].filter((path) => !isAbsolute(path)).sort(),
  };

  function namesOf(kind: string): string[] {
    const map = document.getIn([kind], true);
    return isMap(map)
      ? map.items.flatMap(({ key }) => (isScalar(key) && typeof key.value === "string" ? [key.value] : []))
      : [];
  }
}
