import { accessSync, constants, statSync } from "node:fs";
import { asError, TiplineError } from "../lib/errors.ts";
import { isGlob } from "../lib/glob.ts";
import { expandInputs, STDIN } from "../lib/input-paths.ts";
import { Enrichment, type EnrichOutcome, type EnrichRequest } from "./enrichment.ts";

/** Matches finite input without journal or state: what comes out is what `run` would find, live mode, no storm control. */
export async function enrich(request: EnrichRequest): Promise<EnrichOutcome> {
  const { readable, troubles } = sortOut(request.files);
  if (readable.length === 0 && troubles.length > 0) throw new TiplineError("TIP_INPUT_INVALID", troubles.join("\n"));
  const outcome = await new Enrichment(request, expandInputs(readable.length === 0 ? [STDIN] : readable)).run();
  return { ...outcome, troubles: [...troubles, ...outcome.troubles] };
}

/** Files that cannot be opened are named, and the others are read all the same. Globs and stdin are the source's business. */
function sortOut(files: readonly string[]): {
  readonly readable: readonly string[];
  readonly troubles: readonly string[];
} {
  const troubles: string[] = [];
  const readable = files.filter((file) => {
    if (file === STDIN || isGlob(file)) return true;
    try {
      accessSync(file, constants.R_OK);
      if (!statSync(file).isDirectory()) return true;
      troubles.push(`${file}: expected a file, found a folder`);
    } catch (error) {
      troubles.push(`${file}: cannot be read: ${asError(error).message}`);
    }
    return false;
  });
  return { readable, troubles };
}
