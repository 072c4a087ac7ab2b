import { type BlockMember, type BlockValue, blockJson, type CleanBlock, isList, mapLeaves } from "./misp-block.ts";

/** How an optional member gives room: its longest leaf in bytes and most items when cut; the order here is who goes first. */
interface Cut {
  readonly bytes: number;
  readonly items?: number;
}

/** Least important first. */
const OPTIONAL: readonly (readonly [BlockMember, Cut])[] = [
  ["others", { bytes: 256, items: 5 }],
  ["cve", { bytes: 32, items: 10 }],
  ["annotations", { bytes: 128, items: 5 }],
  ["comment", { bytes: 512 }],
  ["tags", { bytes: 256, items: 20 }],
  ["first_seen", { bytes: 64 }],
  ["last_seen", { bytes: 64 }],
  ["generation", { bytes: 128 }],
  ["reasons", { bytes: 256, items: 10 }],
  ["feed", { bytes: 256 }],
  ["event_date", { bytes: 64 }],
  ["org", { bytes: 256 }],
  ["threat_level", { bytes: 64 }],
  ["attribute_uuid", { bytes: 128 }],
  ["mitre", { bytes: 64, items: 20 }],
  ["context", { bytes: 1024 }],
  ["link", { bytes: 1024 }],
  ["event_uuid", { bytes: 128 }],
  ["event_info", { bytes: 512 }],
  ["source", { bytes: 512 }],
  ["direction", { bytes: 32 }],
  ["outcome", { bytes: 32 }],
  ["match", { bytes: 1024 }],
  ["tlp", { bytes: 64 }],
];

/** Never dropped: identity, what rules test (a dropped `warninglist` would raise a known-benign match), and the judgement. */
const KEPT: readonly (readonly [BlockMember, Cut])[] = [
  ["truncated", { bytes: 1024 }],
  ["event_id", { bytes: 128 }],
  ["category", { bytes: 256 }],
  ["type", { bytes: 128 }],
  ["value", { bytes: 4096 }],
  ["warninglist", { bytes: 256 }],
  ["agent", { bytes: 128 }],
  ["score", { bytes: 32 }],
  ["band", { bytes: 32 }],
  ["matches_count", { bytes: 32 }],
  ["repeat_count", { bytes: 32 }],
  ["entities_count", { bytes: 32 }],
  ["quiet", { bytes: 256 }],
  ["foreign", { bytes: 32 }],
  ["mode", { bytes: 32 }],
  ["finding_id", { bytes: 256 }],
];

/**
 * Makes the block's JSON fit into `maxBytes`, in place: no leaf longer than `maxLeaf` bytes, then optional members cut,
 * then kept members cut, then optional members dropped, each step only if needed. Members that were touched are named in
 * `truncated`. False: it cannot fit (possible only below 43,000 bytes, the kept members at JSON's six-fold worst).
 */
export function trimBlock(block: CleanBlock, maxBytes: number, maxLeaf: number): boolean {
  const touched = new Set(typeof block.get("truncated") === "string" ? String(block.get("truncated")).split(",") : []);
  for (const name of [...block.keys()]) cut(block, name, { bytes: maxLeaf }, touched);
  if (fits(block, maxBytes)) return true;
  const steps = [
    ...OPTIONAL.map(
      ([name, limits]) =>
        () =>
          cut(block, name, limits, touched),
    ),
    ...KEPT.map(
      ([name, limits]) =>
        () =>
          cut(block, name, limits, touched),
    ),
    ...OPTIONAL.map(
      ([name]) =>
        () =>
          drop(block, name, touched),
    ),
  ];
  for (const step of steps) {
    step();
    if (fits(block, maxBytes)) return true;
  }
  return false;
}

const fits = (block: CleanBlock, maxBytes: number): boolean => Buffer.byteLength(blockJson(block)) <= maxBytes;

function cut(block: CleanBlock, name: BlockMember, limits: Cut, touched: Set<string>): void {
  const value = block.get(name);
  if (value === undefined || !isOver(value, limits)) return;
  const items = isList(value) && limits.items !== undefined ? value.slice(0, limits.items) : value;
  block.set(
    name,
    mapLeaves(items, (leaf) => cutBytes(leaf, limits.bytes)),
  );
  note(block, name, touched);
}

function drop(block: CleanBlock, name: BlockMember, touched: Set<string>): void {
  if (block.delete(name)) note(block, name, touched);
}

function note(block: CleanBlock, name: BlockMember, touched: Set<string>): void {
  if (name === "truncated") return;
  touched.add(name);
  block.set("truncated", [...touched].join(","));
}

function isOver(value: BlockValue, limits: Cut): boolean {
  if (isList(value) && limits.items !== undefined && value.length > limits.items) return true;
  const leaves = typeof value === "string" ? [value] : Object.values(value);
  // A UTF-16 unit takes three bytes at most: nearly all leaves need not be measured.
  return leaves.some((leaf) => leaf.length * 3 > limits.bytes && Buffer.byteLength(leaf) > limits.bytes);
}

/** The longest head of at most `maxBytes` bytes of UTF-8 that ends between characters. */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.slice(0, maxBytes));
  if (bytes.length <= maxBytes) return bytes.toString();
  let end = maxBytes;
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
