import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadFluentBit } from "../../src/setup/fluent-bit/config-load.ts";
import { doctorFluentBit } from "../../src/setup/fluent-bit/doctor.ts";
import type { Finding } from "../../src/setup/fluent-bit/finding.ts";
import { type FluentBitOptions, generate, type SectionDraft } from "../../src/setup/fluent-bit/generate.ts";
import { type Format, render } from "../../src/setup/fluent-bit/render.ts";

const tls = (name: string) => ({ caFile: `/etc/fluent-bit/${name}-ca.pem` });

/** What setup/fluent-bit/both.conf is made of. */
export const BOTH: FluentBitOptions = {
  alerts: "/var/ossec/logs/alerts/*/*/ossec-alerts-*.json",
  stateDir: "/var/lib/fluent-bit-tipline",
  limit: "1G",
  monitorPort: 2020,
  tipline: {
    host: "tipline.example.org",
    port: 9628,
    uri: "/v1/alerts",
    tokenEnv: "TIPLINE_TOKEN",
    tls: tls("tipline"),
  },
  graylog: { host: "graylog.example.org", port: 5555, tls: tls("graylog") },
};

/** A section of a plugin; `settings` undefined removes a key. */
export function changed(
  drafts: readonly SectionDraft[],
  plugin: string,
  settings: Readonly<Record<string, string | undefined>>,
): readonly SectionDraft[] {
  return drafts.map((draft) => {
    const name = draft.settings.find(([key]) => key === "Name")?.[1] ?? draft.kind;
    if (name !== plugin) return draft;
    const lower = new Map(Object.entries(settings).map(([key, value]) => [key.toLowerCase(), [key, value] as const]));
    const kept = draft.settings.flatMap(([key, value]): [string, string][] => {
      const put = lower.get(key.toLowerCase());
      lower.delete(key.toLowerCase());
      if (put === undefined) return [[key, value]];
      return put[1] === undefined ? [] : [[key, put[1]]];
    });
    const added = [...lower.values()].flatMap(([key, value]): [string, string][] =>
      value === undefined ? [] : [[key, value]],
    );
    return { ...draft, settings: [...kept, ...added] };
  });
}

/** What the doctor says of these sections, written as a file. Everything that they name is there, but for `absent`. */
export function examined(
  folder: string,
  drafts: readonly SectionDraft[],
  format: Format = "classic",
  absent: readonly string[] = [],
): readonly Finding[] {
  return examinedText(folder, render(drafts, format), format, absent);
}

export function examinedText(
  folder: string,
  text: string,
  format: Format = "classic",
  absent: readonly string[] = [],
): readonly Finding[] {
  const path = join(folder, format === "yaml" ? "examined.yaml" : "examined.conf");
  writeFileSync(path, text);
  return doctorFluentBit(loadFluentBit(path), (named) => !absent.includes(named));
}

export const healthy = (): readonly SectionDraft[] => generate(BOTH);

export const idsOf = (findings: readonly Finding[]): readonly string[] => findings.map(({ id }) => id);
