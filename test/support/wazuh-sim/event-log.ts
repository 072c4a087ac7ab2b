import { statSync } from "node:fs";
import { join } from "node:path";
import { WazuhFiles } from "../wazuh-files.ts";
import { ownTree } from "./installation.ts";
import type { DaemonUser } from "./rule-loader.ts";

/** alerts.json or archives.json with its daily files, written in flushes. */
export class EventLog {
  readonly #files: WazuhFiles;
  readonly #root: string;
  readonly #user: DaemonUser;
  #pending: string[] = [];
  #offset = 0;

  constructor(prefix: string, kind: "alerts" | "archives", user: DaemonUser, time: number) {
    this.#root = join(prefix, "logs", kind);
    this.#user = user;
    this.#files = new WazuhFiles(this.#root, { kind, day: dayOf(time) });
    this.#offset = statSync(this.#files.current).size;
    ownTree(this.#root, user);
  }

  get files(): WazuhFiles {
    return this.#files;
  }

  /** Bytes of the day's file, the unflushed included. */
  get offset(): number {
    return this.#offset;
  }

  append(document: object): void {
    const line = `${JSON.stringify(document)}\n`;
    this.#offset += Buffer.byteLength(line);
    this.#pending.push(line);
  }

  /** Writes what is pending; on a new day the next file is begun first. */
  flush(time: number): void {
    if (this.#pending.length > 0) this.#files.appendTorn(this.#pending.join(""));
    this.#pending = [];
    if (dayOf(time) === this.#files.day) return;
    this.#files.setDay(dayOf(time));
    this.#offset = 0;
    ownTree(this.#root, this.#user);
  }

  /** As a killed process: what was not flushed is gone. */
  lose(): void {
    this.#pending = [];
  }

  close(): void {
    this.#files.close();
  }
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
