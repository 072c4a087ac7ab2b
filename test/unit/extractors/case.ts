import type { JsonObject } from "../../../src/model/json.ts";

/** One alert, the observables that its extractor must know (type, value, role), and what it says of the event. */
export interface Case {
  readonly event: JsonObject;
  readonly wanted: readonly string[];
  readonly view?: {
    readonly outcome?: string;
    readonly direction?: string;
    readonly entity?: string;
    readonly facts?: Record<string, string>;
  };
}
