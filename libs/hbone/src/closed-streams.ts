/** How a stream ended: both sides finished, the peer reset it, or we did (then frames may still be on their way). */
export type CloseCause = 'ended' | 'reset-by-peer' | 'reset-by-us';

const REMEMBERED = 1024;
/** Room at first: most tunnels are idle. */
const FIRST = 32;
const CAUSES: readonly CloseCause[] = ['ended', 'reset-by-peer', 'reset-by-us'];

/** The streams closed last, to tell late frames from wrong ones (RFC 9113, 5.1 "closed"). A ring: older ones are forgotten. */
export class ClosedStreams {
  #ids = new Int32Array(FIRST);
  #causes = new Uint8Array(FIRST);
  #next = 0;

  add(streamId: number, cause: CloseCause): void {
    this.#ids[this.#next] = streamId;
    this.#causes[this.#next] = CAUSES.indexOf(cause);
    if (++this.#next < this.#ids.length) return;
    if (this.#ids.length === REMEMBERED) this.#next = 0;
    else this.#grow();
  }

  cause(streamId: number): CloseCause | 'forgotten' {
    const found = this.#ids.indexOf(streamId);
    return found < 0 ? 'forgotten' : CAUSES[this.#causes[found]!]!;
  }

  #grow(): void {
    const [ids, causes] = [this.#ids, this.#causes];
    this.#ids = new Int32Array(ids.length * 2);
    this.#ids.set(ids);
    this.#causes = new Uint8Array(causes.length * 2);
    this.#causes.set(causes);
  }
}
