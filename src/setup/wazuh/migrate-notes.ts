import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOOK_NAMES } from "./hook.ts";
import { type Integration, isMispIntegration, takesEverything } from "./integrations.ts";
import { deadGroups } from "./migrate-groups.ts";
import type { CatalogRule } from "./rule-catalog.ts";

export interface MigrationNote {
  readonly kind: "group" | "loop" | "key" | "format" | "stays" | "script" | "filter" | "setting";
  /** Line of ossec.conf; undefined: it is about a file. */
  readonly line: number | undefined;
  readonly text: string;
}

/** What there is to say about the blocks that are replaced, and about those that stay. */
export function notesOn(
  all: readonly Integration[],
  replaced: readonly Integration[],
  rules: readonly CatalogRule[] | undefined,
): readonly MigrationNote[] {
  const staying = all.filter((one) => !replaced.includes(one));
  return [
    ...replaced.flatMap((one) => [
      ...groupNotes(one, rules),
      ...keyNotes(one),
      ...settingNotes(one),
      ...loopNotes(one),
    ]),
    ...(replaced.length > 0 ? staying.flatMap((one) => hookNotes(one)) : []),
    ...staying.flatMap((one) => stayNotes(one)),
    ...staying.flatMap((one) => formatNotes(one, replaced)),
  ];
}

/**
 * Notes on the old scripts, which stay where they are: most carry the MISP key in their text. `isOurs` tells our own hook under
 * one of their names.
 */
export function scriptNotes(
  folder: string,
  replaced: readonly Integration[],
  isOurs: (script: string) => boolean,
): readonly MigrationNote[] {
  const names = new Set(replaced.flatMap(({ name }) => [name, `${name}.py`]));
  return [...names].flatMap((name): MigrationNote[] => {
    const found = readScript(join(folder, name));
    if (found === undefined || isOurs(found.text)) return [];
    const open = (found.mode & 0o004) !== 0 ? ", which every user of this host can read" : "";
    const key = KEY_IN_SCRIPT.test(found.text)
      ? `; its text seems to hold a MISP key${open}: make a new key and delete the old one in MISP`
      : "";
    return [{ kind: "script", line: undefined, text: `integrations/${name} is not used any more; remove it${key}` }];
  });
}

/** `misp_api_auth_key = "…"`, `"Authorization": "…"`: at least 20 characters of a key in quotes. */
const KEY_IN_SCRIPT = /(?:key|token|authorization)["']?\s{0,8}[=:]\s{0,8}["'][A-Za-z0-9+/=_-]{20,100}["']/i;
const MOST_SCRIPT = 1024 * 1024;

function readScript(path: string): { readonly text: string; readonly mode: number } | undefined {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || stat.size > MOST_SCRIPT) return undefined;
    return { text: readFileSync(path, "utf8"), mode: stat.mode };
  } catch {
    return undefined;
  }
}

function groupNotes({ filters, node }: Integration, rules: readonly CatalogRule[] | undefined): MigrationNote[] {
  if (filters.group === undefined || rules === undefined) return [];
  return deadGroups(filters.group, rules).map(({ group, kind, rules: ids, nearest }) => {
    const name = JSON.stringify(group);
    const what = {
      unknown: `no loaded rule has the group ${name}`,
      silent: `only rules of level 0, which raise no alert, have the group ${name} (${ids.join(", ")}); --visibility lifts the Sysmon ones`,
      spaced: `the group ${name} begins or ends with a blank, and integratord compares exactly`,
    }[kind];
    const near = nearest.length > 0 ? `; near: ${nearest.join(", ")}` : "";
    return {
      kind: "group",
      line: node.line,
      text: `${what}: this name lets nothing pass${near}. Tipline needs no groups: <level>3</level> alone hands over every alert`,
    };
  });
}

function keyNotes({ hasApiKey, name, node }: Integration): MigrationNote[] {
  if (!hasApiKey) return [];
  const text = `${name} had its <api_key> in ossec.conf, which the server's API shows and backups keep: give the key to Tipline as key_file, or better a new one, and delete the old one in MISP`;
  return [{ kind: "key", line: node.line, text }];
}

function settingNotes({ settings, name, node }: Integration): MigrationNote[] {
  if (settings.length === 0) return [];
  const elements = settings.map((element) => `<${element}>`).join(", ");
  const text = `${elements} of ${name} ${settings.length === 1 ? "goes" : "go"} with its block: the hook asks nobody, so it has no use for them`;
  return [{ kind: "setting", line: node.line, text }];
}

function loopNotes({ filters, name, node }: Integration): MigrationNote[] {
  if (!takesEverything(filters)) return [];
  const text = `the filter of ${name} lets the alerts of our own findings pass: the old script looked them up again, and again; Tipline knows its own and can confirm by them (echoes: true)`;
  return [{ kind: "loop", line: node.line, text }];
}

function hookNotes({ name, node }: Integration): MigrationNote[] {
  if (name !== HOOK_NAMES[0]) return [];
  const text = `the hook has a block already, which stays as it is: the filters of the replaced ones are not taken over`;
  return [{ kind: "filter", line: node.line, text }];
}

function stayNotes(one: Integration): MigrationNote[] {
  if (!isMispIntegration(one)) return [];
  const loops = takesEverything(one.filters)
    ? "; without groups or rules as a filter it also looks up the alerts of our findings, and raises new ones on them"
    : "";
  const text = `${one.name} stays and goes on asking MISP for each alert, one after the other, while the hook waits${loops}`;
  return [{ kind: "stays", line: one.node.line, text }];
}

/** integratord writes one file per alert, in the form that the first block that wants it asks for. */
function formatNotes({ json, name, node }: Integration, replaced: readonly Integration[]): MigrationNote[] {
  const first = replaced[0];
  if (json || first === undefined || node.start > first.node.start) return [];
  const text = `${name} stands before the hook and has no <alert_format>json</alert_format>: alerts that both want would reach the hook in another form, and become dead letters`;
  return [{ kind: "format", line: node.line, text }];
}
