import type { Passage } from "../contract/journal.ts";
import type { StageOutput } from "../contract/stage.ts";
import { TiplineError } from "../lib/errors.ts";

/** A way through the stage for the findings of one commit. It has the stage from `output()` to `end()`. */
export interface OpenPassage extends Passage {
  /** The stage threw; the run ends with its error. */
  readonly failed: boolean;
  /** The commit is over. `durable` false: the stage's memory may be ahead of its state, and it is not used again. */
  end(durable: boolean): void;
}

/** What a passage asks of the one who runs the stage. */
export interface StageKeeper {
  readonly stage: string;
  isFree(): boolean;
  /** Only where it is free: takes the stage and has it process the findings. Throws what the stage throws, and gives it back then. */
  process(): StageOutput;
  /** The commit of what `process()` gave is over. */
  done(output: StageOutput, durable: boolean): void;
}

/**
 * A class, not an object with getters: V8 makes such an object a hidden class of its own, and all that its getters close over (a
 * commit's findings) lives until the next collection of old objects.
 */
export class StagePassage implements OpenPassage {
  readonly stage: string;
  readonly #keeper: StageKeeper;
  #output: StageOutput | undefined;
  #failed = false;

  constructor(keeper: StageKeeper) {
    this.stage = keeper.stage;
    this.#keeper = keeper;
  }

  get available(): boolean {
    return this.#output !== undefined || this.#keeper.isFree();
  }

  get begun(): boolean {
    return this.#output !== undefined;
  }

  get failed(): boolean {
    return this.#failed;
  }

  output(): StageOutput {
    if (this.#output !== undefined) return this.#output;
    if (!this.#keeper.isFree()) throw new TiplineError("TIP_INTERNAL", `stage ${this.stage} is in use`);
    try {
      this.#output = this.#keeper.process();
      return this.#output;
    } catch (thrown) {
      this.#failed = true;
      throw thrown;
    }
  }

  end(durable: boolean): void {
    if (this.#output !== undefined) this.#keeper.done(this.#output, durable);
  }
}
