import { KEY_PLACE, lookupUrl, notifyUrl, type PackOptions } from "./options.ts";
import { type Entity, entity, idOf } from "./value.ts";

/** Graylog asks nobody who is not on this list: adapter and notification fail with "URL … is not allowlisted". */
export interface AllowlistEntry {
  readonly id: string;
  readonly type: "literal" | "regex";
  readonly title: string;
  readonly value: string;
}

/** A literal must be the whole URL, so the lookup, whose URL has the value in it, wants an expression; it is searched, so it is anchored. */
export function allowlistEntries(options: PackOptions): readonly AllowlistEntry[] {
  const [before = ""] = lookupUrl(options).split(KEY_PLACE);
  return [
    {
      id: idOf("allowlist lookup"),
      type: "regex",
      title: "Tipline: lookup",
      value: `^${before.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}[^\\s&#]*$`,
    },
    { id: idOf("allowlist notification"), type: "literal", title: "Tipline: notification", value: notifyUrl(options) },
  ];
}

/** For a pack that is uploaded by hand. 7.x knows the type by a new name and takes the old one as well. */
export function allowlistEntities(options: PackOptions): readonly Entity[] {
  return allowlistEntries(options).map((entry) => entity("url_whitelist_entry", entry.id, { ...entry }));
}
