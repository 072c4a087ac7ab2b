import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { systemCode, TiplineError } from "../../lib/errors.ts";
import { expandGlob, isGlob } from "../../lib/glob.ts";
import { parseClassic } from "./classic-reader.ts";
import {
  entriesOf,
  type FluentBitConfig,
  type Include,
  isOpen,
  type ParsedFile,
  type Section,
  type SyntaxFault,
  type Where,
  withVariables,
} from "./config-file.ts";
import { parseYaml } from "./yaml-reader.ts";

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_FILES = 64;
const MAX_DEPTH = 8;
/** More than anybody wrote; every rule may look at each section from each. */
const MAX_SECTIONS = 300;
const MAX_ENTRIES = 300;
/** A pattern with more wild names than this may walk the whole disk. */
const MAX_WILD_NAMES = 2;

/**
 * Reads a configuration with its includes and parsers files, as Fluent Bit would: bounded in size, number and depth, regular files
 * only. What cannot be read of the rest is a fault in the result. Throws TIP_INPUT_INVALID when the file itself cannot.
 */
export function loadFluentBit(path: string): FluentBitConfig {
  const loader = new Loader(path);
  const text = readText(path);
  if (typeof text !== "string") throw new TiplineError("TIP_INPUT_INVALID", `${path} cannot be read: ${text.why}`);
  loader.take(path, path, text, 0);
  loader.parsers();
  return loader;
}

/** As Fluent Bit tells them apart: by the name. */
export function formatOf(path: string): "classic" | "yaml" {
  return /\.ya?ml$/i.test(path) ? "yaml" : "classic";
}

class Loader implements FluentBitConfig {
  readonly path: string;
  readonly format: "classic" | "yaml";
  readonly sections: Section[] = [];
  readonly variables = new Map<string, string>();
  readonly faults: SyntaxFault[] = [];
  readonly unread: string[] = [];
  readonly #folder: string;
  readonly #seen = new Set<string>();
  constructor(path: string) {
    this.path = path;
    this.format = formatOf(path);
    this.#folder = dirname(resolve(path));
  }

  take(path: string, shown: string, text: string, depth: number): void {
    const real = realOr(path);
    this.#seen.add(real);
    const parsed: ParsedFile = formatOf(path) === "yaml" ? parseYaml(text, shown) : parseClassic(text, shown);
    for (const [name, value] of parsed.variables) this.variables.set(name, value);
    this.faults.push(...parsed.faults);
    for (const item of parsed.items)
      if (item.what === "section") this.#section(item.section);
      else this.#include(item.include, path, depth);
  }

  #section(section: Section): void {
    const { entries } = section;
    if (this.sections.length === MAX_SECTIONS || entries.length > MAX_ENTRIES)
      this.#fault(
        section,
        "too-large",
        this.sections.length === MAX_SECTIONS
          ? `more than ${MAX_SECTIONS} sections`
          : `more than ${MAX_ENTRIES} settings`,
        "what is above that was not looked at",
      );
    if (this.sections.length <= MAX_SECTIONS)
      this.sections.push({ ...section, entries: entries.slice(0, MAX_ENTRIES) });
  }

  /** Those that the service names; they hold nothing but parsers. */
  parsers(): void {
    for (const service of this.sections.filter(({ kind }) => kind === "service"))
      for (const entry of entriesOf(service, "parsers_file", this.variables)) this.#parsersFile(entry.value, entry);
  }

  #parsersFile(named: string, where: Where): void {
    const path = isAbsolute(named) ? named : join(this.#folder, named);
    const text = isOpen(named) ? { why: "its name is known at the start only" } : readText(path);
    if (typeof text !== "string") {
      this.unread.push(named);
      if (!isOpen(named))
        this.#fault(
          where,
          "parsers-file-missing",
          `Parsers_File ${named} cannot be read: ${text.why}`,
          "name a file that is there, by its absolute path (packages keep theirs in /etc/fluent-bit), or remove the line if no parser is used",
        );
    } else if (this.#mayRead(path, where)) this.take(path, named, text, 1);
  }

  #include(include: Include, from: string, depth: number): void {
    const named = withVariables(include.path, this.variables);
    // Both formats look beside a file; the classic one beside the first, whoever includes.
    const folder = formatOf(from) === "yaml" ? dirname(resolve(from)) : this.#folder;
    if (depth >= MAX_DEPTH) {
      this.#fault(
        include,
        "include",
        "a file included too deeply, or by itself",
        "include it once, from the main file",
      );
      return;
    }
    if (named.split("/").filter(isGlob).length > MAX_WILD_NAMES) {
      this.#fault(
        include,
        "include",
        "a pattern that may name the whole disk",
        "name a folder, with * in the last name",
      );
      return;
    }
    const full = isAbsolute(named) ? named : join(folder, named);
    const paths = isGlob(named) ? filesNamed(full) : [full];
    if (paths.length === 0)
      this.#fault(include, "include", "a pattern that names no file", "correct it: Fluent Bit does not start");
    for (const path of paths) {
      const text = readText(path);
      if (typeof text !== "string")
        this.#fault(
          include,
          "include",
          `${named} cannot be read: ${text.why}`,
          "correct the path: Fluent Bit does not start",
        );
      else if (this.#mayRead(path, include))
        this.take(path, paths.length > 1 ? basename(path) : named, text, depth + 1);
    }
  }

  #mayRead(path: string, where: Where): boolean {
    if (this.#seen.has(realOr(path))) {
      this.#fault(where, "include", "a file that was read before", "include it once: Fluent Bit does not start");
      return false;
    }
    if (this.#seen.size < MAX_FILES) return true;
    this.#fault(where, "include", `more than ${MAX_FILES} files`, "put them together");
    return false;
  }

  #fault({ file, line }: Where, id: string, found: string, advice: string): void {
    this.faults.push({ file, line, id, found, advice });
  }
}

/** Fluent Bit's `**` is no more than `*`. None where a folder on the way may not be listed. */
function filesNamed(pattern: string): readonly string[] {
  try {
    return expandGlob(pattern.replaceAll(/\*{2,}/g, "*"));
  } catch {
    return [];
  }
}

function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** A regular file of bounded size; never waits on a pipe or a device. */
function readText(path: string): string | { readonly why: string } {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    const code = systemCode(cause);
    return { why: code === "ENOENT" ? "it is not there" : code === "EACCES" ? "you may not read it" : (code ?? "?") };
  }
  try {
    if (!fstatSync(fd).isFile()) return { why: "it is not a regular file" };
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > MAX_FILE_BYTES) return { why: "it is larger than 1 MiB" };
    const text = bytes.subarray(0, length);
    return text.includes(0) ? { why: "it is not text" } : text.toString("utf8");
  } catch (cause) {
    return { why: systemCode(cause) ?? "it cannot be read" };
  } finally {
    closeSync(fd);
  }
}
