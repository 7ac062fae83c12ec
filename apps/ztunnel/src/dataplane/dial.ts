import { EPOLLERR, EPOLLHUP, EPOLLOUT, errnoName, socketOptions } from '@weft/linux';
import type { EventLoop, EventSource } from './event-loop.js';
import type { Deadline, Task } from './loop.js';
import { PLAIN_SOCKET_EVENTS } from './tcp-end.js';
import type { DialOutcome } from './transport.js';

/** Waits for one non-blocking connect. The outcome always comes from the loop, never from inside the constructor. */
export class Dial implements EventSource, Task {
  planned = false;
  readonly #deadline: Deadline | null;
  #done = false;

  /**
   * @param fd a socket for which connect was called; after `connected` it belongs to `onOutcome`, else it is closed here.
   *   Negative when there was no socket to be had.
   * @param started what connect (or what came before it) returned: 0, or `-errno`.
   */
  constructor(
    private readonly loop: EventLoop,
    private readonly fd: number,
    private readonly started: number,
    timeoutMs: number,
    private readonly onOutcome: (outcome: DialOutcome) => void,
  ) {
    if (started < 0) {
      this.#deadline = null;
      loop.plan(this);
      return;
    }
    this.#deadline = loop.deadline(timeoutMs, () => this.#finish({ kind: 'timedOut' }));
    loop.watch(fd, PLAIN_SOCKET_EVENTS, this);
  }

  /** No outcome comes any more. */
  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    this.loop.cancel(this.#deadline);
    if (this.fd >= 0) this.loop.close(this.fd);
  }

  onEvents(mask: number): void {
    if (this.#done) return;
    const errno = (mask & (EPOLLERR | EPOLLHUP)) === 0 ? 0 : socketOptions.pendingError(this.fd);
    if (errno !== 0) {
      this.#finish({ kind: 'failed', reason: errnoName(errno) });
      return;
    }
    if ((mask & EPOLLOUT) === 0) return;
    // It stays in the set for who comes next, unless something came with this event that will not be said twice.
    if (mask !== EPOLLOUT) this.loop.unwatch(this.fd);
    this.#finish({ kind: 'connected', fd: this.fd });
  }

  run(): void {
    this.#finish({ kind: 'failed', reason: errnoName(-this.started) });
  }

  onCrash(error: Error): void {
    this.#finish({ kind: 'failed', reason: error.message });
  }

  #finish(outcome: DialOutcome): void {
    if (this.#done) return;
    this.#done = true;
    this.loop.cancel(this.#deadline);
    if (outcome.kind !== 'connected' && this.fd >= 0) this.loop.close(this.fd);
    this.onOutcome(outcome);
  }
}
