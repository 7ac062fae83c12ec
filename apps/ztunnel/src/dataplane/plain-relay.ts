import { ECONNRESET, errnoName, type Memory } from '@weft/linux';
import type { RelayLog, Terminable } from './connection-log.js';
import type { Deadline, Loop, Task } from './loop.js';
import type { FailureFlag } from './messages.js';
import { LAST_BYTES_MS, READ_NOTHING, type PlainSocket, type PlainSocketOwner } from './plain-socket.js';

const TURN_BYTES = 524_288;

export interface PlainRelayParts {
  readonly loop: Loop;
  readonly downstream: PlainSocket;
  readonly upstream: PlainSocket;
  /** Shared by all relays of the loop. */
  readonly buffer: Memory;
  readonly log: RelayLog;
  /** Of the connection in the log. */
  readonly slot: number;
}

/** Copies between two plain sockets, each direction on its own. A direction stops reading while its target is slow. */
export class PlainRelay implements Terminable {
  readonly #forward: OneWay;
  readonly #backward: OneWay;
  #ended = false;

  constructor(private readonly parts: PlainRelayParts) {
    const { loop, downstream, upstream, buffer, log, slot } = parts;
    const common = { loop, buffer, over: () => this.#endIfDone() };
    this.#forward = new OneWay({ ...common, from: downstream, to: upstream, count: (n) => log.received(slot, n) });
    this.#backward = new OneWay({ ...common, from: upstream, to: downstream, count: (n) => log.sent(slot, n) });
    downstream.owner = this.#ownerOf('client', this.#forward, this.#backward);
    upstream.owner = this.#ownerOf('server', this.#backward, this.#forward);
  }

  start(): void {
    this.#forward.run();
    this.#backward.run();
  }

  terminate(why: string, flag: FailureFlag): void {
    this.#abort(why, flag, why);
  }

  #ownerOf(name: string, reading: OneWay, writing: OneWay): PlainSocketOwner {
    return {
      onReadable: () => reading.run(),
      onWritten: () => writing.run(),
      onFinished: () => this.#endIfDone(),
      onBroken: (errno) => this.#broken(errno, name),
      onCrash: (error) => this.#abort('internal error', 'none', `internal error: ${error.message}`),
    };
  }

  #broken(errno: number, name: string): void {
    this.#abort(`reset by the ${name}`, 'none', `${name} socket: ${errnoName(errno)}`);
  }

  #endIfDone(): void {
    if (this.#ended || !this.parts.downstream.finished || !this.parts.upstream.finished) return;
    this.#end();
    this.parts.downstream.close(false);
    this.parts.upstream.close(false);
    this.parts.log.close(this.parts.slot, 'completed');
  }

  #end(): void {
    this.#ended = true;
    this.#forward.stop();
    this.#backward.stop();
  }

  #abort(why: string, flag: FailureFlag, error: string): void {
    if (this.#ended) return;
    this.#end();
    this.parts.downstream.close(true);
    this.parts.upstream.close(true);
    this.parts.log.close(this.parts.slot, why, flag, error);
  }
}

interface OneWayParts {
  readonly loop: Loop;
  readonly buffer: Memory;
  readonly from: PlainSocket;
  readonly to: PlainSocket;
  readonly count: (bytes: number) => void;
  readonly over: () => void;
}

class OneWay implements Task {
  planned = false;
  #deadline: Deadline | null = null;

  constructor(private readonly parts: OneWayParts) {}

  stop(): void {
    this.parts.loop.cancel(this.#deadline);
  }

  run(): void {
    if (this.planned) return;
    const { from, to, buffer, count, loop } = this.parts;
    let budget = TURN_BYTES;
    while (from.readable && !from.closed && to.queuedBytes === 0) {
      if (budget <= 0) {
        loop.plan(this);
        return;
      }
      const got = from.read(buffer, 0, buffer.length);
      if (got === READ_NOTHING) return;
      if (got < 0) {
        from.owner.onBroken(-got);
        return;
      }
      if (got === 0) {
        to.finish();
        this.parts.over();
        return;
      }
      budget -= got;
      count(got);
      if (to.write(buffer, 0, got) < 0) return;
    }
    if (from.broken && !from.closed) this.#hurry();
  }

  /** The target may take its time, even for ever, and would never learn of the reset. */
  #hurry(): void {
    const { loop, from } = this.parts;
    this.#deadline ??= loop.deadline(LAST_BYTES_MS, () => from.owner.onBroken(ECONNRESET));
  }

  onCrash(error: Error): void {
    this.parts.from.owner.onCrash(error);
  }
}
