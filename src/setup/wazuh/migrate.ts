import { TiplineError } from "../../lib/errors.ts";
import { HOOK_NAMES } from "./hook.ts";
import {
  blocksNamed,
  filterLines,
  type Integration,
  type IntegrationFilters,
  integrationsOf,
  isMispIntegration,
  takesEverything,
} from "./integrations.ts";
import { type MigrationNote, notesOn } from "./migrate-notes.ts";
import { type OssecConf, readOssecConf, type Splice } from "./ossec-conf.ts";
import { type ConfEdit, marker, wholeLines } from "./ossec-conf-edit.ts";
import type { CatalogRule } from "./rule-catalog.ts";

export interface MigrationOptions {
  /** Names of the integrations to replace; undefined: every one that looks like a MISP lookup of the community's. */
  readonly names?: readonly string[] | undefined;
  /** The rules that analysisd loads, to see whether the filters can match; undefined: not known. */
  readonly rules?: readonly CatalogRule[] | undefined;
  /** `comment`: the old block stays as a comment, without its key. Default: it goes, and is in the installer's backup. */
  readonly old?: "comment" | "remove";
}

/** What replacing the community's integrations means. */
export interface Migration {
  readonly replaced: readonly Integration[];
  /** Filters of the blocks that take their place; none when there is nothing to replace. */
  readonly filters: readonly IntegrationFilters[];
  /** Puts our blocks in the place of theirs; gives no splices the second time. */
  readonly edit: ConfEdit;
  /** What the user should know, by the line of ossec.conf. No note carries a key. */
  readonly notes: readonly MigrationNote[];
  /** The MISP server that an old block names, if it does. */
  readonly mispUrl: string | undefined;
  /** Our own alerts pass one of the filters: the source may say `echoes: true`. */
  readonly echoes: boolean;
}

/** Plans the replacement. Throws TIP_USAGE_INVALID when a named integration is not there. */
export function planMigration(conf: OssecConf, options: MigrationOptions = {}): Migration {
  const all = integrationsOf(conf);
  const replaced = chosen(all, options.names);
  const filters = joined(replaced);
  return {
    replaced,
    filters,
    edit: {
      why: `Tipline's hook in the place of ${[...new Set(replaced.map(({ name }) => name))].join(", ")}`,
      // By the names that were found, or a second time another block would be meant.
      splices: (text) => splicesFor(text, options, options.names && replaced.map(({ name }) => name)),
    },
    notes: notesOn(all, replaced, options.rules),
    mispUrl: replaced.map(({ hookUrl }) => hookUrl).find(isMispUrl),
    echoes: filters.some((one) => takesEverything(one) && Number(one.level ?? 0) <= 3),
  };
}

function chosen(all: readonly Integration[], names: readonly string[] | undefined): readonly Integration[] {
  const ours: readonly string[] = [HOOK_NAMES[0]];
  if (names === undefined) return all.filter((one) => isMispIntegration(one) && !ours.includes(one.name));
  for (const name of names) {
    if (blocksNamed(all, name).length > 0) continue;
    const there = [...new Set(all.map((one) => one.name))].map((one) => JSON.stringify(one.slice(0, 60)));
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected an <integration> named ${JSON.stringify(name.slice(0, 60))} in ossec.conf, found ${there.join(", ") || "none"}`,
    );
  }
  const meant = new Set(names.flatMap((name) => blocksNamed(all, name)));
  return all.filter((one) => meant.has(one) && !ours.includes(one.name));
}

/** One block for equal filters, and one for all when one of them takes everything from the least level on. */
function joined(replaced: readonly Integration[]): readonly IntegrationFilters[] {
  const distinct = new Map(replaced.map(({ filters }) => [filterLines(filters).join(""), filters]));
  const all = [...distinct.values()];
  const widest = all.filter(takesEverything).sort((a, b) => Number(a.level ?? 0) - Number(b.level ?? 0))[0];
  if (widest === undefined) return all;
  const least = Number(widest.level ?? 0);
  // A block for lower levels, or for rules and groups of any level, still adds something.
  return [widest, ...all.filter((one) => one !== widest && Number(one.level ?? 0) < least)];
}

function splicesFor(
  text: string,
  { old = "remove" }: MigrationOptions,
  names: readonly string[] | undefined,
): readonly Splice[] {
  const all = integrationsOf(readOssecConf(text));
  const present = names?.filter((name) => all.some((one) => one.name === name));
  const replaced = chosen(all, present);
  const [first] = replaced;
  if (first === undefined) return [];
  const newline = /\r?\n/.exec(text)?.[0] ?? "\n";
  const blocks = joined(replaced);
  // A second run, or one after an installation with the hook, finds a block that is there already.
  const known = all.some(({ name }) => name === HOOK_NAMES[0]);
  return replaced.map((one): Splice => {
    const { start, end } = one.node;
    const indent = indentOf(text, start);
    const before = old === "comment" ? [asComment(text, one)] : [];
    const lines = [...before, ...(one === first && !known ? blocks.flatMap((filters) => blockLines(filters)) : [])];
    if (lines.length === 0) return { ...wholeLines(text, { start, end }), text: "" };
    return { start, end, text: lines.join(indent === undefined ? "" : `${newline}${indent}`) };
  });
}

function blockLines(filters: IntegrationFilters): readonly string[] {
  const [name] = HOOK_NAMES;
  const inner = [`<name>${name}</name>`, ...filterLines(filters), "<alert_format>json</alert_format>"];
  return [marker(name), "<integration>", ...inner.map((line) => `  ${line}`), "</integration>"];
}

/** White space before an element that begins its line; undefined when something else does. */
function indentOf(text: string, start: number): string | undefined {
  const before = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  return /^[ \t]*$/.test(before) ? before : undefined;
}

/** The block as a comment: what would end it early is broken up, and the key is not repeated. */
function asComment(text: string, { node }: Integration): string {
  let block = text.slice(node.start, node.end);
  for (const child of [...node.children].reverse()) {
    if (child.name !== "api_key") continue;
    block = `${block.slice(0, child.innerStart - node.start)}(removed)${block.slice(child.innerEnd - node.start)}`;
  }
  return `<!-- Replaced by \`tipline install wazuh\`: ${block.replaceAll("-->", "-- >").replaceAll("!>", "! >").replaceAll("<!", "< !")} -->`;
}

function isMispUrl(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}
