import { DEFAULT_BLOCK, moveRules, type RuleOptions, readAsset } from "./rules.ts";

/** What of `--visibility` is wanted. */
export type VisibilityPart = "sysmon" | "sysmon-linux" | "packetbeat";

export const VISIBILITY_PARTS: readonly VisibilityPart[] = ["sysmon", "sysmon-linux", "packetbeat"];

export interface VisibilityOptions extends RuleOptions {
  /** Default: all. */
  readonly parts?: readonly VisibilityPart[] | undefined;
  /** Ids that the manager's rules have: what hangs under another one is left out. Default: nothing is. */
  readonly knownIds?: { has(id: number): boolean } | undefined;
  /**
   * How the decoder for Sysmon for Linux spells its fields: as on Windows (`eventdata.destinationIp`), or as the community's
   * decoders and custom-misp.py do (`eventdata.DestinationIp`). Default: as on Windows.
   */
  readonly linuxFields?: "camelCase" | "PascalCase" | undefined;
}

/** A file to install. */
export interface VisibilityFile {
  /** Goes to `etc/rules`, or to `etc/decoders`. */
  readonly kind: "rules" | "decoders";
  readonly name: string;
  readonly content: string;
}

/** Place of each rule in the block, as those of rules.ts. */
const OFFSETS = {
  sysmon: {
    1: 27,
    3: 28,
    6: 29,
    7: 30,
    11: 31,
    12: 32,
    13: 33,
    14: 34,
    15: 35,
    17: 36,
    18: 37,
    22: 38,
    23: 39,
    25: 40,
    26: 41,
    29: 42,
  },
  "sysmon-linux": { parent: 47, 1: 48, 3: 49, 11: 50, 23: 51 },
  packetbeat: { parent: 57, dns: 58, http: 59, tls: 60, flowOut: 61, flowIn: 62 },
} as const satisfies Record<VisibilityPart, Record<string, number>>;

/** Ids of the visibility rules by what they are for: `visibilityIds().sysmon[22]`. */
export function visibilityIds(block: number = DEFAULT_BLOCK) {
  const move = <Names extends Record<string, number>>(names: Names) =>
    Object.fromEntries(Object.entries(names).map(([name, offset]) => [name, block + offset])) as Readonly<
      Record<keyof Names, number>
    >;
  return {
    sysmon: move(OFFSETS.sysmon),
    sysmonLinux: move(OFFSETS["sysmon-linux"]),
    packetbeat: move(OFFSETS.packetbeat),
  };
}

const RULES: Readonly<Record<VisibilityPart, string>> = {
  sysmon: "tipline_visibility_sysmon.xml",
  "sysmon-linux": "tipline_visibility_sysmon_linux.xml",
  packetbeat: "tipline_visibility_packetbeat.xml",
};
const LINUX_DECODER = "tipline_sysmon_linux_decoder.xml";

/** Names of all files that `--visibility` may have written. */
export const VISIBILITY_FILES: readonly { readonly kind: VisibilityFile["kind"]; readonly name: string }[] = [
  ...Object.values(RULES).map((name) => ({ kind: "rules" as const, name })),
  { kind: "decoders", name: LINUX_DECODER },
];

/** The files of `--visibility` for this manager; decoders first, because rules name them. */
export function renderVisibility(options: VisibilityOptions = {}): readonly VisibilityFile[] {
  const parts = options.parts ?? VISIBILITY_PARTS;
  const rules = parts.map((part) => ({
    kind: "rules" as const,
    name: RULES[part],
    content: moveRules(withoutOrphans(readAsset("visibility", RULES[part]), options.knownIds), options),
  }));
  if (!parts.includes("sysmon-linux")) return rules;
  const decoder = readAsset("visibility", LINUX_DECODER);
  const content = options.linuxFields === "PascalCase" ? withPascalCase(decoder) : decoder;
  return [{ kind: "decoders", name: LINUX_DECODER, content }, ...rules];
}

/** Snippet for the agents' shared configuration. */
export const agentConf = (): string => readAsset("visibility", "agent.conf");
/** Snippet for Packetbeat's own configuration. */
export const packetbeatConf = (): string => readAsset("visibility", "packetbeat.yml");

/** True when a decoder file takes the events of Sysmon for Linux already: by their program name. Ours does not count. */
export function takesLinuxSysmon(decoders: string): boolean {
  return (
    !decoders.includes('name="tipline-sysmon-linux"') && /<program_name[^<>]{0,40}>[^<]{0,80}\bsysmon\b/.test(decoders)
  );
}

/** Rules under a stock rule that is not there are taken out with the comment above them. */
function withoutOrphans(text: string, known: VisibilityOptions["knownIds"]): string {
  if (known === undefined) return text;
  return text.replace(
    /\n(?: {2}<!--[^\n]*-->\n)? {2}<rule id="[0-9]+"(?:(?!<\/rule>)[\s\S])*<\/rule>\n/g,
    (block: string) => {
      const parent = /<if_sid>([0-9]+)<\/if_sid>/.exec(block)?.[1];
      return parent === undefined || isOurs(Number(parent)) || known.has(Number(parent)) ? block : "";
    },
  );
}

const isOurs = (id: number): boolean => id >= DEFAULT_BLOCK && id < DEFAULT_BLOCK + 77;

function withPascalCase(decoder: string): string {
  return decoder.replace(/<order>eventdata\.([a-z])/g, (_, first: string) => `<order>eventdata.${first.toUpperCase()}`);
}
