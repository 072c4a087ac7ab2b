import type { Config, Configured } from "../config/load.ts";

/** A configured sink that writes into the queue of a Wazuh manager on this host. */
export interface QueueSink {
  readonly name: string;
  readonly socket: string;
  /** It waits for the alerts of its findings. */
  readonly confirms: boolean;
}

/** The sink that canaries and trouble events go through: the first of type wazuh, one that confirms before one that does not. */
export function queueSink({ sinks }: Pick<Config, "sinks">): QueueSink | undefined {
  const found = sinks.flatMap((sink) => queueOf(sink) ?? []);
  return found.find(({ confirms }) => confirms) ?? found[0];
}

function queueOf({ name, definition, settings }: Configured<object>): QueueSink | undefined {
  if (definition.type !== "wazuh") return undefined;
  const { socket, confirm } = settings as { readonly socket: string; readonly confirm: boolean };
  return { name, socket, confirms: confirm };
}

/** Name of the sink that brings findings back into Wazuh: into the queue, or else by the server API. */
export function returnSink(config: Pick<Config, "sinks">): string | undefined {
  const byApi = config.sinks.find(({ definition }) => definition.type === "wazuh-api")?.name;
  return queueSink(config)?.name ?? byApi;
}

/** Names of the sources that follow Wazuh's own alerts. */
export function alertSources({ sources }: Pick<Config, "sources">): readonly string[] {
  return sources.filter(({ definition }) => definition.type === "wazuh-alerts").map(({ name }) => name);
}
