/** Types of observables; the same words name the types of indicators. `cve` only annotates. See docs/OBSERVABLES.md. */
export const OBSERVABLE_TYPES = [
  "ip",
  "domain",
  "url",
  "email",
  "md5",
  "sha1",
  "sha224",
  "sha256",
  "sha384",
  "sha512",
  "imphash",
  "ja3",
  "x509",
  "filename",
  "path",
  "regkey",
  "mutex",
  "user-agent",
  "asn",
  "cve",
] as const;
export type ObservableType = (typeof OBSERVABLE_TYPES)[number];

/** What part the observable plays in the event. `text`: found by scanning, nothing more is known. */
export const ROLES = [
  "source",
  "destination",
  "query",
  "answer",
  "request",
  "referrer",
  "server",
  "client",
  "image",
  "parent-image",
  "target-image",
  "loaded",
  "target",
  "file",
  "file-before",
  "registry",
  "sender",
  "recipient",
  "user",
  "user-agent",
  "certificate",
  "fingerprint",
  "remote",
  "local",
  "nat",
  "forwarded",
  "command",
  "vulnerability",
  "text",
] as const;
export type Role = (typeof ROLES)[number];

/** A value in the one spelling the index stores. Only `intel/canonical.ts` makes these. */
export type CanonicalValue = string & { readonly canonical: unique symbol };

/** A value seen in an alert, in canonical spelling, and the place it was seen. */
export interface Observable {
  readonly type: ObservableType;
  readonly value: CanonicalValue;
  readonly role: Role;
  /** JSON path of the string it was read from, e.g. `data.win.eventdata.queryName`, `data.dns.answers[0].rdata`. */
  readonly where: string;
  /** The spelling in the alert where it differs from `value`; at most 512 characters. */
  readonly seen?: string;
  /** For ip, domain and url: the port beside it, if one was given. */
  readonly port?: number;
}
