/** Types of the rule language as far as the functions below tell them; `any` is what a field, a map or a lookup gives. */
export type RuleType = "string" | "long" | "boolean" | "date" | "json" | "map" | "message" | "any" | "void";

export interface RuleFunction {
  /** In Graylog's order; a `?` at the end of a name makes it optional. */
  readonly params: Readonly<Record<string, RuleType>>;
  readonly returns: RuleType;
}

/** The functions that the pack may use: all exist in Graylog 6.0 and later. */
export const FUNCTIONS: Readonly<Record<string, RuleFunction>> = {
  starts_with: { params: { value: "string", prefix: "string", "ignore_case?": "boolean" }, returns: "boolean" },
  contains: { params: { value: "string", search: "string", "ignore_case?": "boolean" }, returns: "boolean" },
  has_field: { params: { field: "string", "message?": "message" }, returns: "boolean" },
  to_string: { params: { value: "any", "default?": "string" }, returns: "string" },
  to_long: { params: { value: "any", "default?": "long" }, returns: "long" },
  concat: { params: { first: "string", second: "string" }, returns: "string" },
  substring: { params: { value: "string", start: "long", "indexEnd?": "long" }, returns: "string" },
  regex_replace: {
    params: { pattern: "string", value: "string", replacement: "string", "replace_all?": "boolean" },
    returns: "string",
  },
  parse_json: { params: { value: "string", "depth?": "long" }, returns: "json" },
  select_jsonpath: { params: { json: "json", paths: "map", "exclude_empty_arrays?": "boolean" }, returns: "map" },
  parse_date: { params: { value: "string", pattern: "string", "locale?": "string" }, returns: "date" },
  format_date: { params: { value: "date", format: "string", "timezone?": "string" }, returns: "string" },
  lookup_value: { params: { lookup_table: "string", key: "any", "default?": "any" }, returns: "any" },
  remove_field: { params: { field: "string", "message?": "message", "invert?": "boolean" }, returns: "void" },
  set_field: {
    params: {
      field: "string",
      value: "any",
      "prefix?": "string",
      "suffix?": "string",
      "message?": "message",
      "default?": "any",
      "clean_field?": "boolean",
    },
    returns: "void",
  },
  route_to_stream: {
    params: { "message?": "message", "name?": "string", "id?": "string", "remove_from_default?": "boolean" },
    returns: "void",
  },
};
