/** Ways in which one JSON document can be written as bytes on one line. */

type Spelling = (value: unknown, random: () => number) => string;

const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
const shouted = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`;

/** Writes a document with a spelling of its strings of one's own; names of members and structure stay plain. */
function written(value: unknown, text: (raw: string) => string, gap = ""): string {
  if (typeof value === "string") return `"${text(value)}"`;
  if (Array.isArray(value)) return `[${value.map((each) => written(each, text, gap)).join(`,${gap}`)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  const all = members.map(([name, each]) => `${JSON.stringify(name)}${gap}:${gap}${written(each, text, gap)}`);
  return `{${all.join(`,${gap}`)}}`;
}

const inner = (text: string): string => JSON.stringify(text).slice(1, -1);
/** One character, as JSON must write it. */
const one = (c: string): string => (c === '"' || c === "\\" || c < " " ? inner(c) : c);

function eachUnit(text: string, spell: (c: string) => string): string {
  let out = "";
  for (let at = 0; at < text.length; at++) out += spell(text.charAt(at));
  return out;
}

export const SPELLINGS: Readonly<Record<string, Spelling>> = {
  "plain JSON": (value) => JSON.stringify(value),
  "\\/ for /": (value) => written(value, (text) => inner(text).replaceAll("/", "\\/")),
  "\\u for what HTML reads": (value) => written(value, (text) => inner(text).replace(/[<>&'=+]/g, escaped)),
  "\\u beyond ASCII": (value) => written(value, (text) => inner(text).replace(/[\u0080-\uffff]/g, escaped)),
  "\\u anywhere": (value, random) => {
    const share = random() ** 3;
    return written(value, (text) =>
      eachUnit(text, (c) => (random() < share ? (random() < 0.5 ? escaped : shouted)(c) : one(c))),
    );
  },
  "blanks between": (value) => written(value, inner, " "),
  "tabs between": (value) => written(value, inner, "\t"),
  "a carriage return behind": (value) => `${JSON.stringify(value)}\r`,
};
