import net from 'node:net';
import { closeDescriptor } from '@weft/linux';
import { toError } from '@weft/result';
import type { Deadline, Flushable, Loop, Task } from '../loop.js';

const SECOND_MS = 1000;

interface TimedDeadline extends Deadline {
  readonly timer: NodeJS.Timeout;
}

/**
 * Turns on top of Node's own loop: events are Node's, and what they caused (tasks, flushes, the end of the turn) is done
 * once, right after all that came in together.
 */
export class NodeLoop implements Loop {
  readonly #sockets = new Map<number, net.Socket>();
  readonly #everySecond = new Set<() => void>();
  readonly #deadlines = new Set<Deadline>();
  readonly #atTurnEnd: (() => void)[] = [];
  readonly #seconds: NodeJS.Timeout;
  #tasks: Task[] = [];
  #dirty: Flushable[] = [];
  #turn: NodeJS.Immediate | null = null;
  #wake: { readonly atMs: number; readonly timer: NodeJS.Timeout } | null = null;
  #stopped = false;
  /** Set by `PortableEngine`. */
  onStop: () => void = () => undefined;

  /** @param owned as in `EventLoop`; only what is no socket of Node's is recorded, which closes its own with the thread. */
  constructor(
    readonly report: (error: Error) => void,
    private readonly owned: Uint8Array,
  ) {
    this.#seconds = setInterval(() => {
      for (const act of this.#everySecond) this.#guard(act);
      this.#later();
    }, SECOND_MS);
  }

  get nowMs(): number {
    return performance.now();
  }

  // ---- sockets by descriptor

  own(fd: number): void {
    this.owned[fd] = 1;
  }

  close(fd: number): void {
    const socket = this.#sockets.get(fd);
    if (socket !== undefined) {
      this.#sockets.delete(fd);
      socket.destroy();
      return;
    }
    this.owned[fd] = 0;
    closeDescriptor(fd);
  }

  /** Keeps a socket until it is taken, or closed by its descriptor. */
  keep(fd: number, socket: net.Socket): void {
    this.owned[fd] = 0;
    this.#sockets.set(fd, socket);
  }

  /** The socket is the caller's now. A connected descriptor that is no socket of Node's yet becomes one. */
  take(fd: number): net.Socket {
    const socket = this.#sockets.get(fd);
    if (socket === undefined) return this.adopt(fd);
    this.#sockets.delete(fd);
    return socket;
  }

  /** Makes a socket of a descriptor, which closes with it. */
  adopt(fd: number): net.Socket {
    this.owned[fd] = 0;
    return new net.Socket({ fd, allowHalfOpen: true, manualStart: true } as net.SocketConstructorOpts);
  }

  // ---- turns

  /** Every callback of Node's goes through here: an exception ends `one` and nothing else, and a turn follows. */
  dispatch(one: { onCrash(error: Error): void }, act: () => void): void {
    if (this.#stopped) return;
    try {
      act();
    } catch (thrown) {
      this.#crashed(one, thrown);
    }
    this.#later();
  }

  plan(task: Task): void {
    if (task.planned) return;
    task.planned = true;
    this.#tasks.push(task);
    this.#later();
  }

  markDirty(output: Flushable): void {
    if (output.dirty) return;
    output.dirty = true;
    this.#dirty.push(output);
    this.#later();
  }

  deadline(delayMs: number, expire: () => void): Deadline {
    const deadline: TimedDeadline = {
      atMs: this.nowMs + delayMs,
      expire,
      timer: setTimeout(() => {
        this.#deadlines.delete(deadline);
        this.#guard(expire);
        this.#later();
      }, delayMs),
    };
    this.#deadlines.add(deadline);
    return deadline;
  }

  cancel(deadline: Deadline | null): void {
    if (deadline === null || !this.#deadlines.delete(deadline)) return;
    clearTimeout((deadline as TimedDeadline).timer);
  }

  everySecond(act: () => void): () => void {
    this.#everySecond.add(act);
    return () => this.#everySecond.delete(act);
  }

  wakeBy(atMs: number): void {
    if (this.#wake !== null && this.#wake.atMs <= atMs) return;
    clearTimeout(this.#wake?.timer);
    const timer = setTimeout(
      () => {
        this.#wake = null;
        this.#later();
      },
      Math.max(0, atMs - this.nowMs),
    );
    this.#wake = { atMs, timer };
  }

  atTurnEnd(act: () => void): void {
    this.#atTurnEnd.push(act);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#seconds);
    clearTimeout(this.#wake?.timer);
    if (this.#turn !== null) clearImmediate(this.#turn);
    for (const deadline of this.#deadlines) clearTimeout((deadline as TimedDeadline).timer);
    for (const fd of [...this.#sockets.keys()]) this.close(fd);
    this.onStop();
  }

  #later(): void {
    if (this.#turn !== null || this.#stopped) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#runTasks();
      this.#flush();
      for (const act of this.#atTurnEnd) this.#guard(act);
    });
  }

  #runTasks(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      task.planned = false;
      try {
        task.run();
      } catch (thrown) {
        this.#crashed(task, thrown);
      }
    }
  }

  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const output of dirty) {
      output.dirty = false;
      try {
        output.flush();
      } catch (thrown) {
        this.#crashed(output, thrown);
      }
    }
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (thrown) {
      this.report(toError(thrown));
    }
  }

  #crashed(one: { onCrash(error: Error): void }, thrown: unknown): void {
    const error = toError(thrown);
    this.report(error);
    this.#guard(() => one.onCrash(error));
  }
}
