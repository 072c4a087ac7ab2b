import { TiplineError } from "../../lib/errors.ts";

/** What systemd takes unquoted, and a header can carry: the characters of a bearer token [RFC 6750]. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{8,4096}$/;

/**
 * An EnvironmentFile of systemd with this variable set: other lines stay as they are. Throws TIP_INPUT_INVALID for a token that a
 * header could not carry; the message does not hold it.
 */
export function withToken(before: string, name: string, token: string): string {
  if (!TOKEN.test(token))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      "--token-file: expected one line of 8 to 4,096 letters, digits and . _ ~ + / = -, found something else",
    );
  const line = `${name}=${token}`;
  const lines = before === "" ? [] : before.replace(/\n$/, "").split("\n");
  const at = lines.findIndex((each) => each.startsWith(`${name}=`));
  const after = at < 0 ? [...lines, line] : lines.map((each, n) => (n === at ? line : each));
  return `${after.join("\n")}\n`;
}

/** Whether the file gives the variable a value. */
export function hasVariable(text: string, name: string): boolean {
  return text.split("\n").some((line) => line.startsWith(`${name}=`) && line.slice(name.length + 1).trim() !== "");
}
