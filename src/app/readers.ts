import type { Config } from "../config/load.ts";
import type { JournalReader } from "../store/journal.ts";

/** Name of storm control in the journal; the configuration keeps sinks from having it. */
export const STORM_READER = "storm";

/** The journal's readers of a configuration: storm control on `raw`, every sink on `out`. */
export function journalReaders({ sinks }: Pick<Config, "sinks">): readonly JournalReader[] {
  return [
    { name: STORM_READER, stream: "raw", required: true },
    ...sinks.map(({ name, definition, common }) => ({
      name,
      stream: "out" as const,
      required: common.required ?? /^wazuh(?:-api)?$/.test(definition.type),
    })),
  ];
}
