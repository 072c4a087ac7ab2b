import { type AttributeRule, MISP_TYPES } from "../../src/intel/misp-types.ts";

/** docs/MISP-TYPES.md, made from the table. */
export function renderMispTypes(): string {
  const mapped: string[] = [];
  const refused = new Map<string, string[]>();
  for (const [type, rule] of Object.entries(MISP_TYPES)) {
    if (rule.kind === "refused") refused.set(rule.reason, [...(refused.get(rule.reason) ?? []), type]);
    else mapped.push(row(type, rule));
  }
  const lines = [
    "# What Tipline makes of MISP's attribute types",
    "",
    "Made from `src/intel/misp-types.ts`; `TIPLINE_WRITE_DOCS=1 npm test` writes it anew. Only attributes with to_ids 1 count unless a feed says otherwise.",
    "_Weak_: too common to convict alone, the score stays at 40 or below. _Companion_: the half of a composite that never matches alone; seen together with its other half it raises the score.",
    "A value of an address type may be a network (`198.51.100.0/24`). A `filename` with folders is read as a path, and then it is not weak. A `url` without scheme is read as the host it names, or as the URL under http and https.",
    "",
    `## Matched (${mapped.length})`,
    "",
    "| attribute type | matches as | covers | weak | companion |",
    "|---|---|---|---|---|",
    ...mapped,
    "",
    `## Refused (${Object.keys(MISP_TYPES).length - mapped.length})`,
    "",
    "| why | attribute types |",
    "|---|---|",
    ...[...refused].map(
      ([reason, types]) => `| ${reason} | ${types.map((type) => `\`${type.replace("|", "\\|")}\``).join(" ")} |`,
    ),
    "",
  ];
  return lines.join("\n");
}

function row(type: string, rule: Exclude<AttributeRule, { readonly kind: "refused" }>): string {
  const halves = rule.kind === "single" ? [{ alone: rule, companion: "" }] : rule.halves;
  const alone = halves.flatMap((half) => (half.alone === undefined ? [] : [half.alone]));
  const never = halves.filter((half) => half.alone === undefined).map((half) => half.companion);
  const covers = alone.map(({ pattern }) => (pattern === "subdomains" ? "it and all below" : "exactly it"));
  const weak = alone.map((reading) => (reading.weak ? "yes" : "no"));
  const companion = alone.length > 1 ? "each of the other" : (never[0] ?? "");
  const cells = [alone.map((reading) => reading.type).join(" + "), covers.join(" + "), weak.join(" + "), companion];
  return `| \`${type.replace("|", "\\|")}\` | ${cells.join(" | ")} |`;
}
