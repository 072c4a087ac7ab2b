import { z } from "zod";
import { duration } from "../lib/unit-schema.ts";

/** Configuration keys of a sink whose findings come back as alerts; beside a `confirm` of its own, since its default differs. */
export const confirmationKeys = {
  confirm_timeout: duration
    .refine((ms) => ms >= 2_000, "expected at least 2s: alerts.json is flushed once a second")
    .prefault("60s")
    .describe("How long to wait for the alert of a finding before it is sent again."),
  confirm_resends: z
    .number()
    .int()
    .min(0)
    .max(100)
    .default(5)
    .describe("How often a finding is sent again before it becomes a dead letter and health fails."),
};

interface Confirming {
  readonly confirm: boolean;
  /** Milliseconds. */
  readonly confirm_timeout: number;
  readonly confirm_resends: number;
}

/** What of it a sink shows the pipeline; nothing where findings are not confirmed. */
export function confirmationOf(settings: Confirming): {
  readonly confirmation?: { readonly timeoutMs: number; readonly resends: number };
} {
  if (!settings.confirm) return {};
  return { confirmation: { timeoutMs: settings.confirm_timeout, resends: settings.confirm_resends } };
}
