/** A response that a client did not take. */
export interface LoggedNack {
  /** ISO 8601. */
  readonly at: string;
  readonly node: string;
  readonly typeUrl: string;
  readonly message: string;
}

const KEPT = 100;

/** The last rejections by clients, oldest first. */
export class NackLog {
  readonly #nacks: LoggedNack[] = [];

  add(nack: LoggedNack): void {
    this.#nacks.push(nack);
    if (this.#nacks.length > KEPT) this.#nacks.shift();
  }

  all(): readonly LoggedNack[] {
    return this.#nacks;
  }
}
