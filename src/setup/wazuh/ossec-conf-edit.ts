import { TiplineError } from "../../lib/errors.ts";
import { applySplices, readOssecConf, type Splice } from "./ossec-conf.ts";
import type { XmlNode } from "./xml.ts";

/** One change of `ossec.conf`; asked twice it gives no splices the second time. */
export interface ConfEdit {
  readonly why: string;
  /** The splices that the text needs; none when it says so already. */
  readonly splices: (text: string) => readonly Splice[];
}

/** Makes every edit, each on the result of those before. `text` is read as latin1, so that every other byte stays. */
export function editConf(
  text: string,
  edits: readonly ConfEdit[],
): { readonly text: string; readonly why: readonly string[] } {
  const why: string[] = [];
  let now = text;
  for (const edit of edits) {
    const next = applySplices(now, edit.splices(now));
    if (next === now) continue;
    now = next;
    why.push(edit.why);
  }
  // What Wazuh could not read must not be written.
  if (now !== text) readOssecConf(now);
  return { text: now, why };
}

/** Gives an option this value: `<global><jsonout_output>yes`. Where it stands several times the last counts, in Wazuh as here. */
export function setOption(section: string, option: string, value: string, why: string): ConfEdit {
  return {
    why,
    splices: (text) => {
      const conf = readOssecConf(text);
      const last = conf.all(section, option).at(-1);
      const whole = `<${option}>${latin1(value)}</${option}>`;
      if (last) {
        if (last.text === value) return [];
        return last.innerStart === last.end
          ? [{ start: last.start, end: last.end, text: whole }]
          : [{ start: last.innerStart, end: last.innerEnd, text: latin1(value) }];
      }
      const place = conf.all(section).at(-1);
      if (place) return [appendTo(text, place, [whole])];
      return [appendTo(text, lastRoot(text), [`<${section}>`, `  ${whole}`, `</${section}>`])];
    },
  };
}

/** Appends to the last `<ruleset>` an option such as `<rule_include>`, which may stand several times. */
export function addToSection(section: string, option: string, value: string, why: string): ConfEdit {
  return {
    why,
    splices: (text) => {
      const conf = readOssecConf(text);
      const whole = `<${option}>${latin1(value)}</${option}>`;
      const place = conf.all(section).at(-1);
      // Of several sections only the last counts [source: rules-config.c].
      if (place?.children.some((node) => node.name === option && node.text === value)) return [];
      if (place) return [appendTo(text, place, [whole])];
      return [appendTo(text, lastRoot(text), [`<${section}>`, `  ${whole}`, `</${section}>`])];
    },
  };
}

/** Takes out every such option with this value, with its line. */
export function removeFromSection(section: string, option: string, value: string, why: string): ConfEdit {
  return {
    why,
    splices: (text) =>
      readOssecConf(text)
        .all(section, option)
        .filter((node) => node.text.trim() === value)
        .map((node) => ({ ...wholeLines(text, node), text: "" })),
  };
}

/** Adds an `<integration>` unless there is one of that name, which may have been changed by the user and stays. */
export function addIntegration(name: string, lines: readonly string[], why: string): ConfEdit {
  return {
    why,
    splices: (text) => {
      if (integrations(text, name).length > 0) return [];
      const block = ["<integration>", `  <name>${name}</name>`, ...lines.map((line) => `  ${line}`), "</integration>"];
      return [appendTo(text, lastRoot(text), [marker(name), ...block])];
    },
  };
}

/** Takes every `<integration>` of that name out, with the comment that `addIntegration` put before it and its own line ends. */
export function removeIntegration(name: string, why: string): ConfEdit {
  return {
    why,
    splices: (text) =>
      integrations(text, name).map((node) => ({ ...wholeLines(text, withMarker(text, node, name)), text: "" })),
  };
}

/** Takes every `<integration>` out that `addIntegration` put in, whatever its name, and leaves those that stand without the comment. */
export function removeOurIntegrations(why: string): ConfEdit {
  return {
    why,
    splices: (text) =>
      readOssecConf(text)
        .all("integration")
        .flatMap((node) => {
          const name = node.children.find((child) => child.name === "name")?.text ?? "";
          const whole = withMarker(text, node, name);
          return whole.start === node.start ? [] : [{ ...wholeLines(text, whole), text: "" }];
        }),
  };
}

function integrations(text: string, name: string): readonly XmlNode[] {
  const conf = readOssecConf(text);
  return conf
    .all("integration")
    .filter(({ children }) => children.some((child) => child.name === "name" && child.text === name));
}

/** The comment before an integration of ours; by it uninstalling finds the place. */
export const marker = (name: string) => `<!-- Put here by \`tipline install wazuh\`: ${name} -->`;

function withMarker(text: string, { start, end }: XmlNode, name: string): { start: number; end: number } {
  const before = text.slice(0, start).trimEnd();
  return before.endsWith(marker(name)) ? { start: before.length - marker(name).length, end } : { start, end };
}

/** Widens a piece that stands alone on its lines to the whole of them. */
export function wholeLines(text: string, { start, end }: { readonly start: number; readonly end: number }) {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = /^[ \t]*\r?\n/.exec(text.slice(end, end + 200));
  if (/[^ \t]/.test(text.slice(lineStart, start)) || !lineEnd) return { start, end };
  return { start: lineStart, end: end + lineEnd[0].length };
}

function lastRoot(text: string): XmlNode {
  const root = readOssecConf(text).roots.at(-1);
  if (!root) throw new TiplineError("TIP_INTERNAL", "expected a root in ossec.conf, which was read");
  return root;
}

/**
 * Lines before an element's closing tag, indented as its last child is and with the file's own line ends. An element that ends on
 * the line of other things, as in a file of one line, gets them in that line.
 */
function appendTo(text: string, element: XmlNode, lines: readonly string[]): Splice {
  const { innerStart, innerEnd, start, end, name, children } = element;
  const newline = /\r?\n/.exec(text)?.[0] ?? "\n";
  if (innerStart === end) {
    // `<ruleset/>` has nowhere to put anything: it becomes two tags.
    const opening = text.slice(start, end).replace(/\s*\/\s*>$/, ">");
    return { start, end, text: `${opening}${lines.map((line) => line.trim()).join("")}</${name}>` };
  }
  const lineStart = text.lastIndexOf("\n", innerEnd - 1) + 1;
  const indent = text.slice(lineStart, innerEnd);
  if (lineStart < innerStart || /[^ \t]/.test(indent))
    return { start: innerEnd, end: innerEnd, text: lines.map((line) => line.trim()).join("") };
  const inner = childIndent(text, children.at(-1)) ?? `${indent}  `;
  return { start: lineStart, end: lineStart, text: lines.map((line) => `${inner}${line}${newline}`).join("") };
}

function childIndent(text: string, child: XmlNode | undefined): string | undefined {
  if (!child) return undefined;
  const indent = text.slice(text.lastIndexOf("\n", child.start - 1) + 1, child.start);
  return /^[ \t]*$/.test(indent) ? indent : undefined;
}

/** The file is held one character a byte. */
function latin1(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}
