const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const SIZE_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** `90s`, `5m`, `1h30m`, `2d` as milliseconds; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  let total = 0;
  let rest = text.trim();
  if (rest === "" || rest.length > 40) return undefined;
  while (rest !== "") {
    const part = /^(\d{1,9}(?:\.\d{1,3})?)\s?(ms|s|m|h|d|w)\s?/.exec(rest);
    if (!part) return undefined;
    total += Number(part[1]) * (DURATION_MS[part[2] ?? ""] ?? 0);
    rest = rest.slice(part[0].length);
  }
  return Math.round(total);
}

/** `512MiB`, `10 GB`, `1000` as bytes; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  const part = /^\s*(\d{1,12}(?:\.\d{1,3})?)\s?([kmg]?i?b)?\s*$/i.exec(text);
  if (!part) return undefined;
  const unit = SIZE_BYTES[(part[2] ?? "b").toLowerCase()];
  return unit === undefined ? undefined : Math.round(Number(part[1]) * unit);
}

/** `1.5 GiB`, `312 B`: for people. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `3d 4h`, `2m 10s`, `0.4s`: for people; two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  let rest = Math.round(ms / 1000);
  const parts: string[] = [];
  for (const [unit, seconds] of [
    ["d", 86_400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0s";
}

/** `1,234,567`: for people. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en");
}
