import type { Companion, IndicatorPattern, IndicatorType } from "../model/indicator.ts";
import type { MispAttributeType } from "../model/misp-attribute-types.ts";

/** How a value that matches alone becomes an indicator. `weak`: too common to convict alone. */
export interface Reading {
  readonly type: IndicatorType;
  readonly pattern: Exclude<IndicatorPattern, "cidr">;
  readonly weak?: boolean;
}

/** One half of a composite: what it is called beside the other, and how it is read if it matches alone. */
export interface Half {
  readonly companion: Companion["kind"];
  readonly alone?: Reading;
}

/**
 * What becomes of an attribute type. A composite is cut at the `first` or `last` bar: file names and registry data may hold one.
 * An address half or value that is a network (`10.1.0.0/16`) gets pattern `cidr` when it is read.
 */
export type AttributeRule =
  | ({ readonly kind: "single" } & Reading)
  | { readonly kind: "composite"; readonly halves: readonly [Half, Half]; readonly cut: "first" | "last" }
  | { readonly kind: "refused"; readonly reason: string };

const single = (type: IndicatorType): AttributeRule => ({ kind: "single", type, pattern: "exact" });
const weak = (type: IndicatorType): AttributeRule => ({ kind: "single", type, pattern: "exact", weak: true });
const refused = (reason: string): AttributeRule => ({ kind: "refused", reason });
const composite = (first: Half, second: Half, cut: "first" | "last" = "first"): AttributeRule => ({
  kind: "composite",
  halves: [first, second],
  cut,
});

const NAME: Half = { companion: "filename" };
const PORT: Half = { companion: "port" };
const REGDATA: Half = { companion: "regdata" };
const DOMAIN_AND_BELOW: Reading = { type: "domain", pattern: "subdomains" };
const NAME_ONLY: Reading = { type: "domain", pattern: "exact" };
const withName = (type: IndicatorType, weakHash = false): AttributeRule =>
  composite(
    NAME,
    { companion: "hash", alone: { type, pattern: "exact", ...(weakHash ? { weak: true } : {}) } },
    "last",
  );
const addressAndPort = composite({ companion: "ip", alone: { type: "ip", pattern: "exact" } }, PORT);

const RARE_HASH = "no alert carries this kind of hash";
const RULE = "a detection rule or pattern, not a value";
const FREE_TEXT = "free text or a bare number names no observable";
const TARGET = "names a victim, not an attacker";
const ATTRIBUTION = "attribution or registration data, not seen in alerts";
const PERSON = "personal data, not seen in alerts";
const MONEY = "payment data, not seen in alerts";
const ACCOUNT = "an account or identifier that no observable type covers";
const REFERENCE = "a reference for analysts, not an indicator";
const MAIL_PART = "a part of a mail that no observable type covers";
const FINGERPRINT = "a fingerprint that no observable type covers";

/** Every attribute type of MISP 2.5, and what Tipline does with it. docs/MISP-TYPES.md is made from this table. */
export const MISP_TYPES: Readonly<Record<MispAttributeType, AttributeRule>> = {
  // Addresses, names and URLs. `hostname` is one host; `domain` is everything below it as well.
  "ip-src": single("ip"),
  "ip-dst": single("ip"),
  "ip-src|port": addressAndPort,
  "ip-dst|port": addressAndPort,
  domain: { kind: "single", ...DOMAIN_AND_BELOW },
  hostname: { kind: "single", ...NAME_ONLY },
  "hostname|port": composite({ companion: "domain", alone: NAME_ONLY }, PORT),
  "domain|ip": composite(
    { companion: "domain", alone: DOMAIN_AND_BELOW },
    { companion: "ip", alone: { type: "ip", pattern: "exact", weak: true } },
  ),
  "onion-address": { kind: "single", ...DOMAIN_AND_BELOW },
  url: single("url"),
  uri: single("url"),
  AS: weak("asn"),
  "user-agent": weak("user-agent"),

  // Mail.
  email: single("email"),
  "email-src": single("email"),
  "email-dst": single("email"),
  "email-reply-to": single("email"),
  eppn: single("email"),
  "email-attachment": weak("filename"),
  "email-subject": refused(MAIL_PART),
  "email-body": refused(MAIL_PART),
  "email-header": refused(MAIL_PART),
  "email-x-mailer": refused(MAIL_PART),
  "email-mime-boundary": refused(MAIL_PART),
  "email-thread-index": refused(MAIL_PART),
  "email-message-id": refused(MAIL_PART),
  "email-src-display-name": refused(MAIL_PART),
  "email-dst-display-name": refused(MAIL_PART),
  dkim: refused(MAIL_PART),
  "dkim-signature": refused(MAIL_PART),

  // Hashes of files.
  md5: single("md5"),
  sha1: single("sha1"),
  sha224: single("sha224"),
  sha256: single("sha256"),
  sha384: single("sha384"),
  sha512: single("sha512"),
  imphash: weak("imphash"),
  "filename|md5": withName("md5"),
  "filename|sha1": withName("sha1"),
  "filename|sha224": withName("sha224"),
  "filename|sha256": withName("sha256"),
  "filename|sha384": withName("sha384"),
  "filename|sha512": withName("sha512"),
  "filename|imphash": withName("imphash", true),
  "malware-sample": withName("md5"),
  "sha512/224": refused(RARE_HASH),
  "sha512/256": refused(RARE_HASH),
  "sha3-224": refused(RARE_HASH),
  "sha3-256": refused(RARE_HASH),
  "sha3-384": refused(RARE_HASH),
  "sha3-512": refused(RARE_HASH),
  authentihash: refused(RARE_HASH),
  vhash: refused(RARE_HASH),
  ssdeep: refused(RARE_HASH),
  tlsh: refused(RARE_HASH),
  impfuzzy: refused(RARE_HASH),
  pehash: refused(RARE_HASH),
  telfhash: refused(RARE_HASH),
  cdhash: refused(RARE_HASH),
  "dom-hash": refused(RARE_HASH),
  "filename|sha512/224": refused(RARE_HASH),
  "filename|sha512/256": refused(RARE_HASH),
  "filename|sha3-224": refused(RARE_HASH),
  "filename|sha3-256": refused(RARE_HASH),
  "filename|sha3-384": refused(RARE_HASH),
  "filename|sha3-512": refused(RARE_HASH),
  "filename|authentihash": refused(RARE_HASH),
  "filename|vhash": refused(RARE_HASH),
  "filename|ssdeep": refused(RARE_HASH),
  "filename|tlsh": refused(RARE_HASH),
  "filename|impfuzzy": refused(RARE_HASH),
  "filename|pehash": refused(RARE_HASH),

  // Hosts: files, registry, mutexes. A `filename` with folders is read as a path, and then it is not weak.
  filename: weak("filename"),
  regkey: single("regkey"),
  "regkey|value": composite({ companion: "regdata", alone: { type: "regkey", pattern: "exact" } }, REGDATA),
  mutex: single("mutex"),
  "named pipe": refused("pipes are not observables"),
  pdb: refused("build paths are not seen in alerts"),
  "process-state": refused(FREE_TEXT),
  "windows-scheduled-task": refused(ACCOUNT),
  "windows-service-name": refused(ACCOUNT),
  "windows-service-displayname": refused(ACCOUNT),
  "mime-type": refused(FREE_TEXT),
  attachment: refused("a file kept as evidence; its name is the analyst's"),

  // Fingerprints of connections and certificates.
  "ja3-fingerprint-md5": weak("ja3"),
  "x509-fingerprint-md5": single("x509"),
  "x509-fingerprint-sha1": single("x509"),
  "x509-fingerprint-sha256": single("x509"),
  "jarm-fingerprint": refused(FINGERPRINT),
  "favicon-mmh3": refused(FINGERPRINT),
  "hassh-md5": refused(FINGERPRINT),
  "hasshserver-md5": refused(FINGERPRINT),
  "ssh-fingerprint": refused(FINGERPRINT),
  "community-id": refused("one flow of somebody else's network"),
  "http-method": refused(FREE_TEXT),
  cookie: refused(ACCOUNT),
  port: refused("a port alone convicts nobody"),
  "mac-address": refused(ACCOUNT),
  "mac-eui-64": refused(ACCOUNT),

  // Rules and patterns.
  snort: refused(RULE),
  bro: refused(RULE),
  zeek: refused(RULE),
  yara: refused(RULE),
  sigma: refused(RULE),
  gene: refused(RULE),
  "kusto-query": refused(RULE),
  "stix2-pattern": refused(RULE),
  "pattern-in-file": refused(RULE),
  "pattern-in-traffic": refused(RULE),
  "pattern-in-memory": refused(RULE),
  "filename-pattern": refused(RULE),

  // References and free text.
  vulnerability: refused("a CVE id only annotates a finding"),
  cpe: refused(REFERENCE),
  weakness: refused(REFERENCE),
  link: refused(REFERENCE),
  "git-commit-id": refused(REFERENCE),
  cortex: refused(REFERENCE),
  comment: refused(FREE_TEXT),
  text: refused(FREE_TEXT),
  hex: refused(FREE_TEXT),
  other: refused(FREE_TEXT),
  float: refused(FREE_TEXT),
  counter: refused(FREE_TEXT),
  integer: refused(FREE_TEXT),
  datetime: refused(FREE_TEXT),
  boolean: refused(FREE_TEXT),
  "size-in-bytes": refused(FREE_TEXT),
  anonymised: refused(FREE_TEXT),
  "pgp-public-key": refused(ACCOUNT),
  "pgp-private-key": refused(ACCOUNT),

  // Victims, attribution, registration.
  "target-user": refused(TARGET),
  "target-email": refused(TARGET),
  "target-machine": refused(TARGET),
  "target-org": refused(TARGET),
  "target-location": refused(TARGET),
  "target-external": refused(TARGET),
  "threat-actor": refused(ATTRIBUTION),
  "campaign-name": refused(ATTRIBUTION),
  "campaign-id": refused(ATTRIBUTION),
  "malware-type": refused(ATTRIBUTION),
  "whois-registrant-email": refused(ATTRIBUTION),
  "whois-registrant-phone": refused(ATTRIBUTION),
  "whois-registrant-name": refused(ATTRIBUTION),
  "whois-registrant-org": refused(ATTRIBUTION),
  "whois-registrar": refused(ATTRIBUTION),
  "whois-creation-date": refused(ATTRIBUTION),
  "dns-soa-email": refused(ATTRIBUTION),

  // Accounts and applications.
  "github-username": refused(ACCOUNT),
  "github-repository": refused(ACCOUNT),
  "github-organisation": refused(ACCOUNT),
  "jabber-id": refused(ACCOUNT),
  "twitter-id": refused(ACCOUNT),
  "mobile-application-id": refused(ACCOUNT),
  "azure-application-id": refused(ACCOUNT),
  "chrome-extension-id": refused(ACCOUNT),

  // Money.
  btc: refused(MONEY),
  dash: refused(MONEY),
  xmr: refused(MONEY),
  iban: refused(MONEY),
  bic: refused(MONEY),
  "bank-account-nr": refused(MONEY),
  "aba-rtn": refused(MONEY),
  bin: refused(MONEY),
  "cc-number": refused(MONEY),
  prtn: refused(MONEY),

  // Persons.
  "phone-number": refused(PERSON),
  "identity-card-number": refused(PERSON),
  "first-name": refused(PERSON),
  "middle-name": refused(PERSON),
  "last-name": refused(PERSON),
  "full-name": refused(PERSON),
  "date-of-birth": refused(PERSON),
  "place-of-birth": refused(PERSON),
  gender: refused(PERSON),
  "passport-number": refused(PERSON),
  "passport-country": refused(PERSON),
  "passport-expiration": refused(PERSON),
  "redress-number": refused(PERSON),
  nationality: refused(PERSON),
  "visa-number": refused(PERSON),
  "issue-date-of-the-visa": refused(PERSON),
  "primary-residence": refused(PERSON),
  "country-of-residence": refused(PERSON),
  "special-service-request": refused(PERSON),
  "frequent-flyer-number": refused(PERSON),
  "travel-details": refused(PERSON),
  "payment-details": refused(PERSON),
  "place-port-of-original-embarkation": refused(PERSON),
  "place-port-of-clearance": refused(PERSON),
  "place-port-of-onward-foreign-destination": refused(PERSON),
  "passenger-name-record-locator-number": refused(PERSON),
};

/** The rule of an attribute type, or undefined for a type that MISP 2.5 does not have. */
export function ruleOf(attributeType: string): AttributeRule | undefined {
  return Object.hasOwn(MISP_TYPES, attributeType) ? MISP_TYPES[attributeType as MispAttributeType] : undefined;
}
