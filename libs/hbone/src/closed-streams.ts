/** How a stream ended: both sides finished, the peer reset it, or we did (then frames may still be on their way). */
export type CloseCause = 'ended' | 'reset-by-peer' | 'reset-by-us';

const REMEMBERED = 1024;
const CAUSES: readonly CloseCause[] = ['ended', 'reset-by-peer', 'reset-by-us'];

/** The streams closed last, to tell late frames from wrong ones (RFC 9113, 5.1 "closed"). A fixed ring: older ones are forgotten. */
export class ClosedStreams {
  readonly #ids = new Int32Array(REMEMBERED);
  readonly #causes = new Uint8Array(REMEMBERED);
  #next = 0;

  add(streamId: number, cause: CloseCause): void {
    this.#ids[this.#next] = streamId;
    this.#causes[this.#next] = CAUSES.indexOf(cause);
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  cause(streamId: number): CloseCause | 'forgotten' {
    const found = this.#ids.indexOf(streamId);
    return found < 0 ? 'forgotten' : CAUSES[this.#causes[found]!]!;
  }
}
