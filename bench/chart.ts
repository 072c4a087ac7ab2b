/** A bar of the chart. */
export interface Bar {
  readonly name: string;
  /** Above 0. */
  readonly value: number;
  readonly ours: boolean;
}

export interface Chart {
  readonly title: string;
  /** Small print below. */
  readonly note: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const MOST_LABELS = 360;
/** Widest mean advance of a character of the labels. */
const CHARACTER = 7.2;
const VALUES = 90;
const TOP = 44;
const BAR = 20;
const GAP = 10;
const AXIS = 46;

/**
 * Horizontal bars on a logarithmic scale as an SVG document that explains itself to screen readers and follows the reader's light or
 * dark scheme.
 */
export function renderChart({ title, note, bars }: Chart): string {
  const values = bars.map(({ value }) => value).filter((value) => value > 0);
  const lowest = Math.floor(Math.log10(Math.min(...values, 1)));
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...values, 10))));
  const labels = labelWidth(bars);
  const room = WIDTH - labels - VALUES;
  const at = (value: number) => round(labels + (room * (Math.log10(value) - lowest)) / (highest - lowest));
  const bottom = TOP + bars.length * (BAR + GAP);
  const height = bottom + AXIS;
  const ticks = Array.from({ length: highest - lowest + 1 }, (_, step) => 10 ** (lowest + step));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(bars.map(({ name, value }) => `${name}: ${spoken(value)}`).join("; "))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="8"/>`,
    `<text class="title" x="20" y="28">${escaped(title)}</text>`,
    ...ticks.map((tick) => {
      const x = at(tick);
      return `<path class="grid" d="M${x} ${TOP}V${bottom}"/><text class="tick" x="${x}" y="${bottom + 16}">${short(tick)}</text>`;
    }),
    ...bars.map((bar, number) => renderBar(bar, TOP + number * (BAR + GAP), labels, at)),
    `<text class="note" x="20" y="${height - 10}">${escaped(note)}</text>`,
    "</svg>",
  ].join("\n")}\n`;
}

function labelWidth(bars: readonly Bar[]): number {
  return Math.min(MOST_LABELS, Math.ceil(Math.max(...bars.map(({ name }) => name.length)) * CHARACTER) + 30);
}

/** What does not fit beside its bar, cut. */
function fitted(name: string, width: number): string {
  const most = Math.floor((width - 30) / CHARACTER);
  return name.length <= most ? name : `${name.slice(0, most - 1).trimEnd()}…`;
}

function renderBar({ name, value, ours }: Bar, y: number, labels: number, at: (value: number) => number): string {
  const middle = y + BAR / 2 + 5;
  const label = `<text class="label${ours ? " strong" : ""}" x="${labels - 10}" y="${middle}">${escaped(fitted(name, labels))}</text>`;
  if (!(value > 0)) return `${label}<text class="value" x="${labels + 6}" y="${middle}">not measured</text>`;
  const width = round(at(value) - labels);
  return [
    label,
    `<rect class="${ours ? "ours" : "other"}" x="${labels}" y="${y}" width="${width}" height="${BAR}" rx="3"/>`,
    `<text class="value" x="${round(labels + width + 6)}" y="${middle}">${spoken(value)}</text>`,
  ].join("");
}

const STYLE = [
  "text{font:13px system-ui,sans-serif;fill:#24292f}",
  ".ground{fill:#fff}.title{font-size:16px;font-weight:600}.label{text-anchor:end}.strong{font-weight:600}",
  ".tick{text-anchor:middle;font-size:11px}.note{font-size:11px}.tick,.note{fill:#57606a}",
  ".grid{stroke:#d0d7de}.ours{fill:#1a7f37}.other{fill:#8c959f}",
  "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.tick,.note{fill:#9198a1}.grid{stroke:#30363d}.ours{fill:#3fb950}.other{fill:#6e7681}}",
].join("");

const round = (value: number): number => Math.round(value * 10) / 10;

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(value);
}

const spoken = (value: number): string =>
  value < 100 ? value.toFixed(1) : Number(value.toPrecision(3)).toLocaleString("en");

function escaped(text: string): string {
  return text.replace(/[<>&"']|[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, (character) => ESCAPES.get(character) ?? "\ufffd");
}
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["<", "&lt;"],
  [">", "&gt;"],
  ["&", "&amp;"],
  ['"', "&quot;"],
  ["'", "&#39;"],
]);
