import { get } from "../model/json.ts";
import { askDaemon, textsOf } from "./wazuh-local-socket.ts";

/** What came of a hot reload. Only `reloaded` without warnings means that every rule is in force. */
export type ReloadResult =
  /** The new ruleset is in force; each warning is a rule or file that was left out. */
  | { readonly status: "reloaded"; readonly warnings: readonly string[] }
  /** The old ruleset is kept. */
  | { readonly status: "refused"; readonly errors: readonly string[] }
  /** `code`: errno's name, `ETIMEDOUT`, `EBADMSG` (a manager before 4.13 does not know the command), `ABORTED`. */
  | { readonly status: "unreachable"; readonly code: string; readonly cause: Error };

/** Reading a stock ruleset takes a loaded manager some seconds. */
const RELOAD_MS = 60_000;

/** Makes wazuh-analysisd (4.13 and later) read its ruleset again, over `queue/sockets/analysis`. Never throws. */
export async function reloadRuleset(socketPath: string, signal: AbortSignal): Promise<ReloadResult> {
  const question = { version: 1, origin: { name: "tipline", module: "install" }, command: "reload-ruleset" };
  const answer = await askDaemon(socketPath, question, { timeoutMs: RELOAD_MS, signal });
  if (answer.status === "unreachable") return answer;
  const { body } = answer;
  const said = textsOf(get(body, "data"));
  if (get(body, "error") === 0) return { status: "reloaded", warnings: said };
  const message = textsOf(get(body, "message"));
  return { status: "refused", errors: said.length > 0 ? said : message.length > 0 ? message : ["no reason given"] };
}
