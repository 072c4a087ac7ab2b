import { readFileSync, writeFileSync } from "node:fs";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import { replaceFile } from "../lib/replace-file.ts";
import type { ContentPack } from "../setup/graylog/pack.ts";
import { confirm } from "./confirm.ts";
import { note, print, printJson, safe } from "./output.ts";

interface Flags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Writes the pack to a file, or to standard output for `-`; a file that says something else is replaced on agreement only. */
export async function writePack(file: string, pack: ContentPack, flags: Flags): Promise<void> {
  const text = `${JSON.stringify(pack, null, 2)}\n`;
  if (file === "-") return print(text);
  const before = contentOf(file);
  const status = before === text ? "unchanged" : flags.dryRun ? "planned" : "written";
  if (status === "written") {
    if (before !== undefined && !flags.yes && !(await confirm(`${safe(file)} is there already. Replace it?`)))
      return note("nothing was changed");
    put(file, before, text);
  }
  if (flags.json) return printJson({ file, status, revision: pack.rev, entities: pack.entities.length });
  if (status === "unchanged") note(`${safe(file)} is as it should be`);
  else
    note(
      `${safe(file)}: revision ${pack.rev}, ${pack.entities.length} entities${status === "planned" ? "; not written" : ""}`,
    );
  if (status === "planned") return;
  note(`next:
  in Graylog: System → Content Packs → Upload; then Install, with the tokens of Tipline's configuration where it asks for them
  then Streams → Tipline findings → Start: Graylog 7 leaves a pack's streams paused
  another revision is installed already? Uninstall and delete it there first; install graylog --url does all of this`);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    throw new TiplineError("TIP_INPUT_INVALID", `--write: ${safe(file)} cannot be read (${asError(cause).message})`, {
      cause,
    });
  }
}

function put(file: string, before: string | undefined, text: string): void {
  if (before !== undefined) {
    replaceFile(file, before, text);
    return;
  }
  try {
    writeFileSync(file, text, { flag: "wx", mode: 0o644 });
  } catch (cause) {
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `--write: ${safe(file)} cannot be written (${asError(cause).message})`,
      { cause },
    );
  }
}
