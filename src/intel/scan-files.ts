import type { ObservableType } from "../model/observable.ts";
import { baseName } from "./canonical-path.ts";

/** Further names of a list are not read. */
const MAX_NAMES = 128;
const EXTENSION = /\.[a-z0-9]{1,8}$/i;
/** `(12043b)`, `(1.2 MB)`: the size that products write behind an attachment's name. */
const SIZE = /\s{0,4}\(\d[\d.,]{0,12}\s?(?:[kmg]?i?b(?:ytes)?)?\)$/i;
/** A count or a yes where names are expected. */
const NO_NAME = /^(?:\d*|true|false|yes|no|none|null|n\/a)$/i;

/**
 * The names in a list of attachments: separated by `;`, `|` or line ends; by commas or blanks only where each piece has an
 * ending, because names may hold either (`Smith, John.pdf`, `svc host.exe`).
 */
export function fileNames(raw: string): readonly string[] {
  return pieces(unbracketed(raw))
    .slice(0, MAX_NAMES)
    .map(clean)
    .filter((name) => !NO_NAME.test(name));
}

/** Several names in a field that mostly holds one (`a.htm;b.wav`), or undefined when it is one name. */
export function severalNames(raw: string): readonly string[] | undefined {
  if (!/[;|\n]/.test(raw)) return undefined;
  const names = pieces(raw).map(clean);
  return names.length > 1 && names.every((name) => EXTENSION.test(name)) ? names.slice(0, MAX_NAMES) : undefined;
}

function pieces(raw: string): readonly string[] {
  const parts = split(raw, /[;|\r\n]/);
  if (parts.length !== 1) return parts;
  for (const separator of [",", /\s/]) {
    const finer = split(raw, separator);
    if (finer.length > 1 && finer.every((part) => EXTENSION.test(clean(part)))) return finer;
  }
  return parts;
}

function split(raw: string, separator: string | RegExp): readonly string[] {
  return raw.split(separator, MAX_NAMES * 2).filter((part) => part.trim() !== "");
}

function clean(piece: string): string {
  return piece.trim().replace(/^["']/, "").replace(/["']$/, "").replace(SIZE, "").trim();
}

function unbracketed(raw: string): string {
  const text = raw.trim();
  return text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
}

/** One part of {@link resources}; no types: text that may hold something. */
export interface Resource {
  readonly types: readonly ObservableType[];
  readonly value: string;
}

const RESOURCE = /^[a-z]{2,24}:_/i;
const NEXT_RESOURCE = /;\s?(?=[a-z]{2,24}:_)/i;

/** Microsoft Defender's list of resources: `file:_C:\x.exe; webfile:_C:\y.zip|https://…|pid:1; regkey:_HKLM\z`. */
export function isResourceList(raw: string): boolean {
  return RESOURCE.test(raw);
}

/** The parts of such a list; a file inside an archive (`a.zip->b.exe`) gives the archive's path and the bare name. */
export function resources(raw: string): readonly Resource[] {
  return raw.split(NEXT_RESOURCE, MAX_NAMES).flatMap(resourceParts);
}

function resourceParts(resource: string): readonly Resource[] {
  const cut = resource.indexOf(":_");
  const kind = resource.slice(0, cut).toLowerCase();
  const value = resource.slice(cut + 2).trim();
  if (/reg|^run/.test(kind)) return [{ types: ["regkey"], value }];
  if (/cmd|command/.test(kind)) return [{ types: [], value }];
  const [first = "", ...others] = value.split("|", 8);
  const [path = "", ...inner] = first.split("->", 8);
  return [
    ...(/^(?:[a-z]:|\\|\/|%)/i.test(path) ? [{ types: ["path"] as const, value: path }] : []),
    ...inner
      .filter((name) => EXTENSION.test(name))
      .map((name) => ({ types: ["filename"] as const, value: baseName(name) })),
    ...others.filter((part) => part.includes("://")).map((part) => ({ types: ["url"] as const, value: part })),
  ];
}
