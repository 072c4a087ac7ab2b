import { TiplineError } from "../../lib/errors.ts";
import { parseXml, type XmlNode } from "./xml.ts";

/** `ossec.conf`: any number of `<ossec_config>` roots that Wazuh reads as one. */
export interface OssecConf {
  readonly text: string;
  readonly roots: readonly XmlNode[];
  /** Every element at this path below the roots, in the order of the file: `all("ruleset", "rule_dir")`. */
  all(...path: readonly string[]): readonly XmlNode[];
  /** Text of the last of them, as it stands: for most options the one that counts. */
  last(...path: readonly string[]): string | undefined;
}

/**
 * Reads `ossec.conf`. Offsets are in characters of `text`; whoever splices bytes reads the file as latin1, so that the two are
 * the same. Throws TIP_INPUT_INVALID with the line when Wazuh could not read it either.
 */
export function readOssecConf(text: string, file = "ossec.conf"): OssecConf {
  const roots = parseXml(text, file);
  const odd = roots.find(({ name }) => name !== "ossec_config");
  if (odd)
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `${file}:${odd.line}: expected <ossec_config>, found <${odd.name.slice(0, 40)}>`,
    );
  if (roots.length === 0)
    throw new TiplineError("TIP_INPUT_INVALID", `${file}: expected at least one <ossec_config>, found none`);
  const all = (...path: readonly string[]): readonly XmlNode[] =>
    path.reduce<readonly XmlNode[]>(
      (nodes, name) => nodes.flatMap(({ children }) => children.filter((child) => child.name === name)),
      roots,
    );
  return { text, roots, all, last: (...path) => all(...path).at(-1)?.text };
}

/** Puts `text` in the place of what is between two offsets. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The text with every splice made; they may touch but not overlap. Those at the same place keep their order. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const ordered = splices
    .map((splice, order) => ({ ...splice, order }))
    .sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
  let result = "";
  let at = 0;
  for (const { start, end, text: piece } of ordered) {
    if (start < at || end < start || end > text.length)
      throw new TiplineError("TIP_INTERNAL", `splice ${start}-${end} overlaps another or leaves the text`);
    result += text.slice(at, start) + piece;
    at = end;
  }
  return result + text.slice(at);
}
