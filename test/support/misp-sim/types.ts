/** Category and to_ids that an attribute gets when it names none; by `category to_ids`. From `/attributes/describeTypes`. */
const DEFAULTS: readonly (readonly [category: string, toIds: boolean, types: string])[] = [
  [
    "Payload delivery",
    true,
    "md5 sha1 sha256 filename filename|md5 filename|sha1 filename|sha256 email-src email-attachment malware-sample authentihash vhash ssdeep imphash telfhash pehash impfuzzy sha224 sha384 sha512 sha512/224 sha512/256 sha3-224 sha3-256 sha3-384 sha3-512 tlsh cdhash filename|authentihash filename|vhash filename|ssdeep filename|imphash filename|impfuzzy filename|pehash filename|sha224 filename|sha384 filename|sha512 filename|sha512/224 filename|sha512/256 filename|sha3-224 filename|sha3-256 filename|sha3-384 filename|sha3-512 filename|tlsh mobile-application-id azure-application-id chrome-extension-id",
  ],
  [
    "Payload delivery",
    false,
    "email-subject email-body malware-type email-dst-display-name email-src-display-name email-header email-reply-to email-x-mailer email-mime-boundary email-thread-index email-message-id",
  ],
  [
    "Network activity",
    true,
    "ip-src ip-dst hostname domain domain|ip eppn email-dst url ja3-fingerprint-md5 jarm-fingerprint favicon-mmh3 hassh-md5 hasshserver-md5 snort bro zeek community-id dom-hash pattern-in-traffic uri x509-fingerprint-sha1 x509-fingerprint-md5 x509-fingerprint-sha256 ip-dst|port ip-src|port hostname|port onion-address",
  ],
  [
    "Network activity",
    false,
    "http-method user-agent AS ssh-fingerprint cookie port mac-address mac-eui-64 dkim dkim-signature",
  ],
  [
    "Artifacts dropped",
    false,
    "pdb gene kusto-query mime-type process-state windows-scheduled-task windows-service-name windows-service-displayname",
  ],
  ["Artifacts dropped", true, "mutex"],
  ["Social network", true, "email"],
  ["Social network", false, "github-username github-repository github-organisation jabber-id twitter-id"],
  ["Internal reference", false, "git-commit-id"],
  ["Persistence mechanism", true, "regkey regkey|value"],
  ["Payload installation", true, "pattern-in-file pattern-in-memory filename-pattern yara stix2-pattern sigma"],
  ["External analysis", false, "vulnerability cpe weakness attachment link cortex"],
  ["Targeting data", false, "target-user target-email target-machine target-org target-location target-external"],
  ["Financial fraud", true, "btc dash xmr iban bic bank-account-nr aba-rtn bin cc-number prtn"],
  [
    "Attribution",
    false,
    "threat-actor campaign-name campaign-id whois-registrant-email whois-registrant-phone whois-registrant-name whois-registrant-org whois-registrar whois-creation-date dns-soa-email",
  ],
  ["Other", false, "float comment text hex other size-in-bytes counter integer datetime boolean anonymised"],
  [
    "Person",
    false,
    "phone-number first-name middle-name last-name full-name date-of-birth passport-number nationality",
  ],
];

const BY_TYPE = new Map<string, { readonly category: string; readonly toIds: boolean }>([
  ["named pipe", { category: "Artifacts dropped", toIds: false }],
]);
for (const [category, toIds, types] of DEFAULTS)
  for (const type of types.split(" ")) BY_TYPE.set(type, { category, toIds });

export function isType(type: string): boolean {
  return BY_TYPE.has(type);
}

export function defaultCategory(type: string): string {
  return BY_TYPE.get(type)?.category ?? "Other";
}

export function defaultToIds(type: string): boolean {
  return BY_TYPE.get(type)?.toIds ?? false;
}

/** Halves of a composite; whole values have an empty second half. */
export function splitValue(type: string, value: string): [string, string] {
  if (!type.includes("|") && type !== "malware-sample") return [value, ""];
  const at = value.indexOf("|");
  return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
}

const HASH_BITS = new Map([
  ["md5", 128],
  ["imphash", 128],
  ["sha1", 160],
  ["sha224", 224],
  ["sha256", 256],
  ["sha384", 384],
  ["sha512", 512],
]);

/** Length of a digest in hexadecimal digits; undefined for other types. */
export function hashDigits(type: string): number | undefined {
  const bits = HASH_BITS.get(type);
  return bits === undefined ? undefined : bits / 4;
}

/** A value as MISP keeps it: hosts, mail addresses and digests in lower case, IPv6 short, no "AS", `%PUBLIC%`. */
export function normalValue(type: string, value: string): string {
  const halves = type.split("|");
  if (halves.length === 2) {
    const [first, second] = splitValue(type, value);
    return second === "" ? value : `${normalValue(halves[0] ?? "", first)}|${normalValue(halves[1] ?? "", second)}`;
  }
  const text = value.trim();
  if (type === "ip-src" || type === "ip-dst" || type === "ip") return compressIp(text);
  if (type === "AS") return text.replace(/^as/i, "");
  if (HASH_BITS.has(type) || LOWER.has(type)) return text.toLowerCase();
  if (type === "filename" || type === "regkey" || type === "value")
    return text.replace(/^c:\\users\\public/i, "%PUBLIC%");
  return text;
}

const LOWER = new Set(
  "domain hostname email email-src email-dst email-reply-to target-email x509-fingerprint-md5 x509-fingerprint-sha1 x509-fingerprint-sha256 ja3-fingerprint-md5 authentihash hassh-md5 hasshserver-md5".split(
    " ",
  ),
);

/** Short and lower-case form of an IPv6 address or network; anything else as it is. */
export function compressIp(text: string): string {
  const [address = "", bits] = text.split("/", 2);
  if (!address.includes(":")) return text;
  try {
    const short = new URL(`http://[${address}]/`).hostname.slice(1, -1);
    return bits === undefined ? short : `${short}/${bits}`;
  } catch {
    return text;
  }
}

/** Whether MISP would take the value for the type; types of free text take anything. */
export function fitsType(type: string, value: string): boolean {
  const halves = type.split("|");
  if (halves.length === 2) {
    const [first, second] = splitValue(type, value);
    return second !== "" && fitsType(halves[0] ?? "", first) && fitsType(halves[1] ?? "", second);
  }
  const digits = hashDigits(type);
  if (digits !== undefined) return value.length === digits && /^[0-9a-f]*$/i.test(value);
  if (type === "ip-src" || type === "ip-dst" || type === "ip") return isAddress(value);
  if (type === "domain" || type === "hostname") return /^[^\s/:@]{1,255}$/.test(value) && value.includes(".");
  if (type === "email" || type === "email-src" || type === "email-dst") return /^[^\s@]+@[^\s@]+$/.test(value);
  if (type === "port") return /^\d{1,5}$/.test(value) && Number(value) <= 65535;
  if (type === "AS") return /^(?:as)?\d{1,10}$/i.test(value);
  return value !== "";
}

function isAddress(value: string): boolean {
  const [address = "", bits, more] = value.split("/");
  if (more !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false;
  if (address.includes(":")) return URL.canParse(`http://[${address}]/`) && Number(bits ?? 0) <= 128;
  const bytes = address.split(".");
  return (
    bytes.length === 4 && bytes.every((byte) => /^\d{1,3}$/.test(byte) && Number(byte) < 256) && Number(bits ?? 0) <= 32
  );
}
