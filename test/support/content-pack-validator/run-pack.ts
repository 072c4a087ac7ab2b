import type { ContentPack } from "../../../src/setup/graylog/pack.ts";
import { GraylogMessage } from "./message.ts";
import { type Pipeline, parsePipeline, parseRule, type Rule } from "./rule-parser.ts";
import { RuleRunner } from "./rule-run.ts";
import { isObject } from "./shape.ts";

export interface RunOptions {
  readonly lookup?: (table: string, key: string) => unknown;
  /** As Graylog 7 leaves them until they are resumed. */
  readonly paused?: boolean;
  /** Pipelines by title that somebody has connected to the message's stream. */
  readonly connected?: readonly string[];
}

/** What is between the pack's inputs and the index: stream rules, then the pipelines of "All messages". */
export class InstalledPack {
  readonly errors: string[] = [];
  readonly #rules = new Map<string, Rule>();
  readonly #pipelines: { readonly pipeline: Pipeline; readonly connected: boolean }[] = [];
  readonly #streams: { readonly title: string; readonly field: string }[] = [];
  readonly #options: RunOptions;

  constructor(pack: ContentPack, options: RunOptions = {}) {
    this.#options = options;
    for (const { type, id, data } of pack.entities) {
      const source = String(value(data["source"]));
      if (type.name === "pipeline_rule") this.#rules.set(id, parseRule(source));
      if (type.name === "pipeline")
        this.#pipelines.push({
          pipeline: parsePipeline(source),
          connected: (data["connected_streams"] as unknown[]).length > 0,
        });
      if (type.name === "stream")
        for (const rule of data["stream_rules"] as Record<string, unknown>[])
          this.#streams.push({ title: String(value(data["title"])), field: String(value(rule["field"])) });
    }
  }

  process(fields: Readonly<Record<string, unknown>>): GraylogMessage {
    const message = new GraylogMessage({ timestamp: new Date(), source: "192.0.2.1", ...fields });
    const { paused = false, lookup = () => undefined, connected = [] } = this.#options;
    const running = paused ? [] : this.#streams;
    for (const { title, field } of running) if (message.fields.has(field)) message.streams.add(title);
    const runner = new RuleRunner({ streams: new Set(running.map(({ title }) => title)), lookup });
    for (const one of this.#pipelines)
      if (one.connected || connected.includes(one.pipeline.name)) this.#run(one.pipeline, message, runner);
    this.errors.push(...runner.errors);
    return message;
  }

  /** `pass` goes on whatever happened, `either` when a rule matched, `all` when every one did. */
  #run({ stages }: Pipeline, message: GraylogMessage, runner: RuleRunner): void {
    for (const { rules, match } of [...stages].sort((one, other) => one.number - other.number)) {
      const held = rules.map((name) => {
        const rule = this.#rules.get(name);
        if (rule === undefined) throw new Error(`no rule ${name}`);
        return runner.run(rule, message);
      });
      if (match === "either" && !held.some(Boolean)) return;
      if (match === "all" && !held.every(Boolean)) return;
    }
  }
}

const value = (reference: unknown): unknown => (isObject(reference) ? reference["@value"] : undefined);
