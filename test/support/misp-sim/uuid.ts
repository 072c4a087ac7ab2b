import { createHash } from "node:crypto";

/** Deterministic, so that a run can be repeated. */
export function uuidOf(kind: string, id: number): string {
  const hex = createHash("sha1").update(`${kind} ${id}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
