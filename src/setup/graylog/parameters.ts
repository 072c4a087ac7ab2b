import { type JsonObject, text } from "../../model/json.ts";
import { KEY_PLACE, lookupUrl, notifyUrl, type PackOptions } from "./options.ts";
import { integer, type ParameterType, type Reference, string } from "./value.ts";

/** Asked for when the pack is installed; Graylog refuses an installation that leaves one out, default or not. */
export interface Parameter {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly type: ParameterType;
  readonly default_value?: string | number;
}

/** Tokens of Tipline's configuration, as headers carry them. */
export interface Tokens {
  /** `lookup.token_file`; Tipline does without on loopback only. */
  readonly lookup: string | undefined;
  /** `token_file` of the source `graylog`. */
  readonly notify: string | undefined;
}

const TOKEN_HINT = "Bearer and the token; where Tipline is configured without one: none";

export function parameters(options: PackOptions): readonly Parameter[] {
  const all: (Parameter | undefined)[] = [
    {
      name: "BIND_ADDRESS",
      title: "Address of the inputs",
      description: "Graylog's own address to listen on",
      type: "string",
      default_value: options.bindAddress,
    },
    options.inputs.includes("gelf")
      ? {
          name: "GELF_PORT",
          title: "Port of the GELF input",
          description: "TCP; Tipline's sink gelf sends to it",
          type: "integer",
          default_value: options.gelfPort,
        }
      : undefined,
    options.inputs.includes("raw")
      ? {
          name: "RAW_PORT",
          title: "Port of the input for Wazuh's lines",
          description: "TCP; Fluent Bit, or Tipline's sink tcp-lines, sends to it",
          type: "integer",
          default_value: options.rawPort,
        }
      : undefined,
    {
      name: "LOOKUP_URL",
      title: "Tipline's lookup",
      description: `As Graylog reaches it, with ${KEY_PLACE} in the place of the value`,
      type: "string",
      default_value: lookupUrl(options),
    },
    {
      name: "LOOKUP_AUTHORIZATION",
      title: "Authorization header of the lookup",
      description: TOKEN_HINT,
      type: "string",
    },
    {
      name: "NOTIFY_URL",
      title: "Tipline's source graylog",
      description: "As Graylog reaches it",
      type: "string",
      default_value: notifyUrl(options),
    },
    {
      name: "NOTIFY_HEADERS",
      title: "Headers of the notification",
      description: `Authorization: ${TOKEN_HINT}`,
      type: "string",
    },
  ];
  const used = options.inputs.length > 0 ? all : all.filter((one) => one?.name !== "BIND_ADDRESS");
  return used.filter((one) => one !== undefined);
}

/** A value for every parameter of the pack; a token that is not given stays as it was in `before`. */
export function values(
  options: PackOptions,
  tokens: Tokens,
  before: JsonObject = {},
): Readonly<Record<string, Reference>> {
  const secret: Readonly<Record<string, string>> = {
    LOOKUP_AUTHORIZATION: bearer(tokens.lookup) ?? text(before, "LOOKUP_AUTHORIZATION", "@value") ?? NO_TOKEN,
    NOTIFY_HEADERS: header(bearer(tokens.notify)) ?? text(before, "NOTIFY_HEADERS", "@value") ?? `${HEADER}${NO_TOKEN}`,
  };
  return Object.fromEntries(
    parameters(options).map(({ name, default_value: value = secret[name] ?? "" }) => [
      name,
      typeof value === "number" ? integer(value) : string(value),
    ]),
  );
}

/** Graylog keeps no parameter that is empty. */
const NO_TOKEN = "none";
const HEADER = "Authorization: ";

const bearer = (token: string | undefined) => (token === undefined ? undefined : `Bearer ${token}`);
const header = (value: string | undefined) => (value === undefined ? undefined : `${HEADER}${value}`);
