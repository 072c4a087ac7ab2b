import { basename } from "node:path";
import type { Check } from "../checks.ts";
import type { Where } from "./config-file.ts";

/** A fault of a configuration: what is written, what comes of it, and what to write instead. */
export interface Finding extends Check, Where {
  /** Stable; what scripts and the documentation refer to. */
  readonly id: string;
  /** `fail`: alerts are lost, secrets are open, or Fluent Bit does not start; `warn`: late, costly, or only sometimes. */
  readonly status: "fail" | "warn" | "unseen";
  readonly consequence: string;
}

/** What is said of a fault. `found` and `advice` hold no secret and nothing of a line that could not be read. */
export interface Said {
  readonly found: string;
  readonly consequence: string;
  readonly advice: string;
}

export function findingAt(status: Finding["status"], id: string, { file, line }: Where, said: Said): Finding {
  return { id, file, line, name: `${basename(file)}:${line}`, status, ...said };
}

/** As Fluent Bit reads a boolean; undefined for anything else, which it takes for neither. */
export function boolOf(value: string | undefined): boolean | undefined {
  const text = value?.toLowerCase();
  if (text === "on" || text === "true" || text === "yes") return true;
  return text === "off" || text === "false" || text === "no" ? false : undefined;
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["kb", 1e3],
  ["m", 1e6],
  ["mb", 1e6],
  ["g", 1e9],
  ["gb", 1e9],
]);

/** Bytes of a size such as `32k`, `4M`, `10MB`; undefined for what Fluent Bit would not take. */
export function bytesOf(value: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,15})([a-z]{0,2})$/i.exec(value.trim()) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** Seconds of `60`, `60s`, `2d`; undefined for what is none. */
export function secondsOf(value: string): number | undefined {
  const [, digits, unit = "s"] = /^(\d{1,12})([smhd]?)$/i.exec(value.trim()) ?? [];
  const factor = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }[unit.toLowerCase()];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
