import { HBONE_TIMES } from './limits.js';

/** When to send PING and when to give up. Knows time only from `tick`; a PONG counts from the tick after it. */
export class Liveness {
  /** Time of the next PING; -1 before the first tick. */
  #nextPingMs = -1;
  /** When the unanswered PING was sent; -1 if and only if none is out. */
  #sentMs = -1;
  #ponged = false;

  sent(nowMs: number): void {
    if (this.#sentMs < 0) this.#sentMs = nowMs;
    this.#ponged = false;
  }

  /** False if no PING waits for an answer. */
  pong(): boolean {
    const expected = this.#sentMs >= 0 && !this.#ponged;
    this.#ponged = this.#sentMs >= 0;
    return expected;
  }

  tick(nowMs: number): 'wait' | 'ping' | 'dead' {
    const firstTick = this.#nextPingMs < 0;
    if (firstTick || this.#ponged) {
      if (this.#ponged) this.#sentMs = -1;
      this.#ponged = false;
      this.#nextPingMs = nowMs + HBONE_TIMES.pingIntervalMs;
    }
    if (this.#sentMs >= 0) return nowMs - this.#sentMs >= HBONE_TIMES.pongTimeoutMs ? 'dead' : 'wait';
    return nowMs >= this.#nextPingMs ? 'ping' : 'wait';
  }
}
