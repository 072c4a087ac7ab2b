/** So often a message is refused before others show whether the refusal is about it alone; at once where that was so before. */
const PATIENCE = 3;

/**
 * Tells a message that something before the input refuses for what is in it (a firewall that looks into bodies, and alerts are full of
 * attacks) from an input that refuses everything: a later message goes through, or none does.
 */
export class RefusedMessage {
  #id = "";
  #times = 0;
  #alone = false;
  #patience = PATIENCE;

  /** The message of finding `id` was refused. True when it is that message's own fault; `others` sends those after it until one goes through. */
  async isAlone(id: string, others: () => Promise<boolean>): Promise<boolean> {
    if (id !== this.#id) {
      this.#id = id;
      this.#times = 0;
      this.#alone = false;
    }
    this.#times += 1;
    if (!this.#alone && this.#times > this.#patience) this.#alone = await others();
    if (this.#alone) this.#patience = 0;
    return this.#alone;
  }
}
