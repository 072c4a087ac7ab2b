import { existsSync } from "node:fs";
import { type Entry, entriesOf, entryOf, type FluentBitConfig, type Section, type SectionKind } from "./config-file.ts";
import { boolOf } from "./finding.ts";
import { matches, pluginOf, type Shape, type Stream, shapeOf, streamsOf } from "./streams.ts";

/** A configuration with what the rules ask of it. */
export class Examined {
  readonly config: FluentBitConfig;
  readonly streams: readonly Stream[];
  /** Whether a file or folder is on this machine. */
  readonly exists: (path: string) => boolean;
  constructor(config: FluentBitConfig, exists: (path: string) => boolean = existsSync) {
    this.config = config;
    this.exists = exists;
    this.streams = streamsOf(config);
  }

  of(kind: SectionKind, plugin?: string): readonly Section[] {
    return this.config.sections.filter(
      (section) => section.kind === kind && (plugin === undefined || this.plugin(section) === plugin),
    );
  }

  plugin(section: Section): string {
    return pluginOf(section, this.config);
  }

  get(section: Section, key: string): Entry | undefined {
    return entryOf(section, key, this.config.variables);
  }

  value(section: Section, key: string): string | undefined {
    return this.get(section, key)?.value;
  }

  all(section: Section, key: string): readonly Entry[] {
    return entriesOf(section, key, this.config.variables);
  }

  on(section: Section, key: string, otherwise = false): boolean {
    return boolOf(this.value(section, key)) ?? otherwise;
  }

  /** A setting of the service, whichever section of that name has it. */
  service(key: string): Entry | undefined {
    return this.of("service")
      .map((section) => this.get(section, key))
      .findLast((entry) => entry !== undefined);
  }

  /** Where a missing setting of the service would stand. */
  serviceAt(): Section | undefined {
    return this.of("service")[0];
  }

  /** The streams that a filter or output takes. */
  into(section: Section): readonly Stream[] {
    return this.streams.filter(({ tag }) => matches(section, tag, this.config));
  }

  /** What reaches `section` by a stream; filters after it are not counted. */
  shape(stream: Stream, section: Section): Shape {
    const filters = this.of("filter").filter((each) => matches(each, stream.tag, this.config));
    const before = section.kind === "filter" ? filters.slice(0, Math.max(0, filters.indexOf(section))) : filters;
    return shapeOf(stream, before, this.config);
  }

  /** True when the input keeps its chunks on the disk. */
  onDisk(input: Section): boolean {
    return this.value(input, "storage.type")?.toLowerCase() === "filesystem";
  }
}

const WAZUH = /ossec|wazuh/i;

/** Inputs of alerts: tails whose path, tag or name of a variable says so. */
export function alertInputs(x: Examined): readonly Section[] {
  return x
    .of("input", "tail")
    .filter((input) => ["path", "tag", "db"].some((key) => WAZUH.test(x.value(input, key) ?? "")));
}
