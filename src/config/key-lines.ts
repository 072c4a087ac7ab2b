import { type Document, isMap, isScalar, isSeq, type LineCounter, type Node } from "yaml";
import { TiplineError } from "../lib/errors.ts";

/** Where the keys of a configuration are written; entries of a list have their number as key. */
export interface KeyLines {
  readonly file: string;
  /** By dotted path (`sinks.siem.port`), from 1. */
  readonly lines: ReadonlyMap<string, number>;
}

/** Deeper than any setting; a hostile file nests a million levels. */
const MOST_DEPTH = 8;

export function keyLines(document: Document, counter: LineCounter, file: string): KeyLines {
  const lines = new Map<string, number>();
  const note = (path: string, node: unknown): void => {
    const offset = (node as Node | null | undefined)?.range?.[0];
    if (offset !== undefined) lines.set(path, counter.linePos(offset).line);
  };
  const walk = (node: unknown, parent: string, depth: number): void => {
    if (depth > MOST_DEPTH) return;
    const below = (key: unknown) => (parent === "" ? String(key) : `${parent}.${String(key)}`);
    if (isMap(node))
      for (const { key, value } of node.items) {
        if (!isScalar(key)) continue;
        note(below(key.value), key);
        walk(value, below(key.value), depth + 1);
      }
    if (isSeq(node))
      for (const [at, item] of node.items.entries()) {
        note(below(at), item);
        walk(item, below(at), depth + 1);
      }
  };
  walk(document.contents, "", 1);
  return { file, lines };
}

/**
 * A fault of the configuration that was found after it was read, with its line: of the deepest key that its message begins with
 * (`sinks.siem.ca_file: …`) and the file has. Anything else that was thrown as it is.
 */
export function withLine(thrown: unknown, { file, lines }: KeyLines): unknown {
  if (!(thrown instanceof TiplineError) || thrown.code !== "TIP_CONFIG_INVALID") return thrown;
  const [key = ""] = /^[\w.-]*/.exec(thrown.message) ?? [];
  for (let path = key; path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
    const line = lines.get(path);
    if (line !== undefined)
      return new TiplineError(thrown.code, `${thrown.message} (${file}:${line})`, { cause: thrown });
  }
  return thrown;
}
