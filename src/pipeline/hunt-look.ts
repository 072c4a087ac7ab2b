import { randomInt } from "node:crypto";
import { GateKeys } from "../intel/index/gate-keys.ts";
import { createNominator } from "../intel/nominate.ts";
import type { HuntedValue } from "../intel/sketch.ts";
import { asError } from "../lib/errors.ts";
import type { Extraction } from "../model/alert.ts";
import { type JsonObject, text } from "../model/json.ts";
import type { Observable } from "../model/observable.ts";
import type { SketchWriter } from "./hunt-sketching.ts";
import { toAlert } from "./parse-alert.ts";

/**
 * Looks at one line: true when it may match, false when it cannot, a text when it is no alert. With a sketch the line is put
 * into it, whatever the answer. True for nothing costs time; false for a match would lose it.
 */
export type HuntLook = (line: Buffer, sketch: SketchWriter | undefined) => boolean | string;

export interface LookOptions {
  /** May an event match? The law of `IndicatorIndex.nominates` holds for it. */
  readonly nominates: (event: JsonObject) => boolean;
  readonly extract: (event: JsonObject) => Extraction<Observable>;
}

/** By the reference scanner: the line is parsed and its strings are looked through. */
export function createLook({ nominates, extract }: LookOptions): HuntLook {
  return (line, sketch) => {
    try {
      const { event, time } = toAlert(line, "hunt", 0);
      if (sketch !== undefined) {
        const timed = (text(event, "timestamp") ?? text(event, "@timestamp")) !== undefined;
        sketch.add(line, extract(event).observables, timed ? time : undefined);
      }
      return nominates(event);
    } catch (error) {
      sketch?.add(line);
      return asError(error).message;
    }
  };
}

/** The same for some indicators, whatever index they are of. */
export function lookFor(values: Iterable<HuntedValue>, extract: LookOptions["extract"]): HuntLook {
  const gate = new GateKeys({ a: randomInt(2 ** 32), b: randomInt(2 ** 32) });
  for (const value of values) gate.add(...value);
  const nominator = createNominator([gate.build()]);
  return createLook({ nominates: (event) => nominator.nominates(event), extract });
}
