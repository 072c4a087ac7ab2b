import { type Row, type Section, verdict } from "./figures.ts";
import { DESIGN_LINES, type DesignLine } from "./targets.ts";

/** A section as it is written: what was found, and on what. */
export interface WrittenSection extends Pick<Section, "how" | "rows" | "more"> {
  readonly title: string;
  /** Machine, versions, commit and date. */
  readonly made: string;
}

const TITLE = "# Benchmark results";
const HEAD = `${TITLE}
Made by \`npm run bench\`; what each figure means and how to run a part: [README.md](README.md). All targets are ratios of things measured in turns in one run; absolute figures only say what machine it was.
`;
const TABLE = "## The numbers to hold";
const NOT_MEASURED = "not measured here";

/**
 * The text of a results file with these sections in it, in the order given: each replaces the one of its title, the others stay as
 * they are. Sections of other titles follow; `whole` drops them.
 */
export function updateResults(
  before: string,
  sections: readonly WrittenSection[],
  { order, whole = false }: { readonly order: readonly string[]; readonly whole?: boolean },
): string {
  const kept = new Map(sectionsOf(before).map(({ title, text }) => [title, text]));
  kept.delete(TABLE.slice(3));
  for (const section of sections) kept.set(section.title, renderSection(section));
  const known = order.filter((title) => kept.has(title));
  const others = whole ? [] : [...kept.keys()].filter((title) => !order.includes(title));
  const body = [...known, ...others].map((title) => kept.get(title) as string);
  return `${[HEAD, designTable(before, sections), ...body].map((part) => part.trimEnd()).join("\n\n")}\n`;
}

interface Found {
  readonly title: string;
  readonly text: string;
}

function sectionsOf(text: string): readonly Found[] {
  return text
    .split(/^(?=## )/m)
    .filter((part) => part.startsWith("## "))
    .map((part) => ({ title: part.slice(3, part.indexOf("\n")).trim(), text: part.trimEnd() }));
}

function renderSection({ title, how, made, rows, more }: WrittenSection): string {
  const table = ["| figure | measured | target | |", "|---|---|---|---|", ...rows.map((row) => cells(rowCells(row)))];
  return [
    `## ${title}\n${how}`,
    made,
    ...(rows.length > 0 ? [table.join("\n")] : []),
    ...(more === undefined ? [] : [more]),
  ]
    .map((part) => part.trimEnd())
    .join("\n\n");
}

const rowCells = ({ name, value, target, held }: Row): readonly string[] => [name, value, target, verdict(held)];

/** A line of a table; what would end a cell is escaped. */
export function cells(values: readonly string[]): string {
  return `| ${values.map((value) => value.replace(/\s+/g, " ").replaceAll("|", "\\|")).join(" | ")} |`;
}

/** First table: one line for each number to hold, new where it was measured now, else as it stood. */
function designTable(before: string, sections: readonly WrittenSection[]): string {
  const stood = new Map(
    (sectionsOf(before).find(({ title }) => title === TABLE.slice(3))?.text ?? "")
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => [line.slice(2, line.indexOf(" |")), line]),
  );
  const measured = new Map<DesignLine, string>();
  for (const { title, rows } of sections) {
    for (const row of rows) {
      if (row.design === undefined) continue;
      measured.set(row.design, cells([DESIGN_LINES[row.design], row.value, verdict(row.held), title]));
    }
  }
  const lines = (Object.keys(DESIGN_LINES) as DesignLine[]).map(
    (design) =>
      measured.get(design) ?? stood.get(DESIGN_LINES[design]) ?? cells([DESIGN_LINES[design], NOT_MEASURED, "", ""]),
  );
  return [TABLE, "", "| number | measured | | section below |", "|---|---|---|---|", ...lines].join("\n");
}
