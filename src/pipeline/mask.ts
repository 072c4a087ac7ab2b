/** What stands for a secret that was cut out. */
const MASK = "***";
/** Characters of a command line that are looked at before it is cut to its final length. */
const MAX_READ = 4_000;

const VALUE = `(?:"[^"]{0,1000}"|'[^']{0,1000}'|[^\\s"'&;|]{1,1000})`;
const NAMED = `(?:[a-z0-9_.-]{0,32}(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[a-z0-9_]{0,16})`;

const RULES: ReadonlyArray<readonly [RegExp, string]> = [
  [/(:\/\/)[^\s/@:]{1,256}:[^\s/@]{1,256}@/g, `$1${MASK}@`],
  [/\b(bearer|basic|digest|ntlm)(\s+)[a-z0-9+/=._~-]{6,2000}/gi, `$1$2${MASK}`],
  [/\b(authorization\s{0,4}[:=]\s{0,4})(?!bearer|basic|digest|ntlm)[^\s"']{1,1000}/gi, `$1${MASK}`],
  [new RegExp(`(\\b${NAMED}["']?\\s{0,4}(?:=|:)\\s{0,4})${VALUE}`, "gi"), `$1${MASK}`],
  [new RegExp(`((?:^|\\s)(?:--?|/)${NAMED}\\s{1,4})(?![-/])${VALUE}`, "gi"), `$1${MASK}`],
  [
    new RegExp(`((?:^|\\s)(?:-p|/p|-pw|/pw|-pass|/pass)(?:\\s{1,4}|[:=]))(?!\\d{1,5}(?:\\s|$))(?!-)${VALUE}`, "gi"),
    `$1${MASK}`,
  ],
  [/(\bmysql\w{0,16}\b[^|;]{0,400}?\s-p)(?=\S)[^\s]{1,256}/gi, `$1${MASK}`],
  [/((?:^|\s)(?:-u|--user|-U)\s{0,4}["']?[^\s:"'%]{1,128}[:%])[^\s"']{1,256}/g, `$1${MASK}`],
  [
    /(\bnet1?(?:\.exe)?["']?\s+(?:user|use)\s+(?:"[^"]{1,256}"|[^\s/"]{1,256})\s+)(?!\/|\\\\|[a-z]:)[^\s]{1,256}/gi,
    `$1${MASK}`,
  ],
  [/(\bconvertto-securestring\s+(?:-string\s+)?)(?!-)(?:"[^"]{0,1000}"|'[^']{0,1000}'|\S{1,1000})/gi, `$1${MASK}`],
  [/\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,255}|xox[abprs]-[A-Za-z0-9-]{10,255})\b/g, MASK],
];

/** A command line with passwords, tokens and keys replaced by `***`, at most `limit` characters. */
export function maskSecrets(command: string, limit: number): string {
  let out = command.slice(0, MAX_READ);
  for (const [pattern, replacement] of RULES) out = out.replace(pattern, replacement);
  return out.length > limit ? `${out.slice(0, limit - 1)}…` : out;
}
