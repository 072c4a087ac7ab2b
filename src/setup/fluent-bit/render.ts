import type { SectionDraft } from "./generate.ts";

export type Format = "classic" | "yaml";

/** The first words of a file of ours. */
export const MARK = "Written by `tipline install fluent-bit`";

/** The text of a configuration; the same settings in either format. */
export function render(drafts: readonly SectionDraft[], format: Format): string {
  const head = `# ${MARK}; run it again instead of editing.\n# \`tipline doctor fluent-bit FILE\` reads it.\n`;
  return head + (format === "yaml" ? yaml(drafts) : classic(drafts));
}

function classic(drafts: readonly SectionDraft[]): string {
  return drafts
    .map(({ kind, about, settings }) => {
      const width = Math.max(0, ...settings.map(([key]) => key.length)) + 2;
      const lines = settings.map(([key, value]) => `    ${key.padEnd(width)}${value}\n`);
      return `\n# ${about}\n[${kind.toUpperCase()}]\n${lines.join("")}`;
    })
    .join("");
}

const LISTS = [
  ["input", "inputs"],
  ["filter", "filters"],
  ["output", "outputs"],
] as const;

/** In the block style: of the flow style Fluent Bit reads only a part. */
function yaml(drafts: readonly SectionDraft[]): string {
  const services = drafts.filter(({ kind }) => kind === "service");
  const text = services.map(({ about, settings }) => `\n# ${about}\nservice:\n${block(settings, "  ")}`).join("");
  const lists = LISTS.flatMap(([kind, name]) => {
    const items = drafts.filter((draft) => draft.kind === kind);
    if (items.length === 0) return [];
    const shown = items.map(
      ({ about, settings }) => `    # ${about}\n${block(settings, "      ").replace("      ", "    - ")}`,
    );
    return [`  ${name}:\n${shown.join("")}`];
  });
  return lists.length === 0 ? text : `${text}\npipeline:\n${lists.join("")}`;
}

function block(settings: SectionDraft["settings"], indent: string): string {
  return settings.map(([key, value]) => `${indent}${key.toLowerCase()}: ${scalar(value)}\n`).join("");
}

/** Plain where that is the text itself; quoted where YAML would take it for something else. */
function scalar(value: string): string {
  const plain = /^[\w/$.+-][^\n\t]*$/.test(value) && !/: |:$| #|^-\s|^- *$|^---|^\.\.\.| $/.test(value);
  return plain ? value : JSON.stringify(value);
}
