import { toError } from '@weft/result';
import { closeDescriptor, Epoll } from '@weft/linux';
import type { Deadline, Flushable, Loop, Task } from './loop.js';

/** Something with a descriptor in the loop. */
export interface EventSource {
  onEvents(mask: number): void;
  /** `onEvents` (or a planned task) threw: end this one thing, quietly. Must not throw. */
  onCrash(error: Error): void;
}

const LONGEST_WAIT_MS = 500;
const DEADLINE_SCAN_MS = 100;
const SECOND_MS = 1000;
/** Batches of events that may come before the outputs of the first are written. */
const MORE_BATCHES = 3;

/**
 * The loop of a worker thread: epoll in, plain calls out. It never returns to Node's own loop, so promises, timers and
 * streams do not run on its thread.
 *
 * One turn: events, planned tasks, one flush of everything dirty, deadlines, then the descriptors that were closed in the
 * turn. They are closed last so that no number is reused while events of its former owner are still in the batch.
 */
export class EventLoop implements Loop {
  readonly #epoll = new Epoll(512);
  readonly #sources: (EventSource | undefined)[] = [];
  /** What each descriptor is watched for; 0 or nothing when it is not in the set. */
  readonly #masks: number[] = [];
  readonly #deadlines = new Set<Deadline>();
  readonly #everySecond = new Set<() => void>();
  readonly #atTurnEnd: (() => void)[] = [];
  #tasks: Task[] = [];
  #dirty: Flushable[] = [];
  #closing: number[] = [];
  #nowMs = performance.now();
  #nextScanMs = 0;
  #nextSecondMs = 0;
  #wakeByMs = Infinity;
  #running = false;

  /**
   * @param report is told every exception that was not expected; the loop goes on.
   * @param owned one byte per descriptor number, 1 while this thread owns it: descriptors outlive their thread, so the
   *   main thread closes what a dead one left behind. Numbers beyond its end are not recorded.
   */
  constructor(
    readonly report: (error: Error) => void,
    private readonly owned: Uint8Array = new Uint8Array(0),
  ) {
    this.own(this.#epoll.fd);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** `watch` implies it. */
  own(fd: number): void {
    this.owned[fd] = 1;
  }

  /** A descriptor that another thread closes. */
  watchForeign(fd: number, events: number, source: EventSource): void {
    const before = this.#masks[fd] ?? 0;
    this.#sources[fd] = source;
    this.#masks[fd] = events;
    if (before === 0) this.#epoll.add(fd, events);
    else if (before !== events) this.#epoll.modify(fd, events);
  }

  /** A descriptor that is watched already gets a new source; for the same events that costs nothing. */
  watch(fd: number, events: number, source: EventSource): void {
    this.own(fd);
    this.watchForeign(fd, events, source);
  }

  change(fd: number, events: number): void {
    this.#masks[fd] = events;
    this.#epoll.modify(fd, events);
  }

  /** Takes a descriptor out without closing it. */
  unwatch(fd: number): void {
    this.#epoll.remove(fd);
    this.#forget(fd);
  }

  /** No event comes any more; the descriptor stays open. */
  silence(fd: number): void {
    this.#sources[fd] = undefined;
  }

  /** No event comes any more; the descriptor is closed at the end of the turn. */
  close(fd: number): void {
    this.#sources[fd] = undefined;
    this.#closing.push(fd);
  }

  plan(task: Task): void {
    if (task.planned) return;
    task.planned = true;
    this.#tasks.push(task);
  }

  markDirty(output: Flushable): void {
    if (output.dirty) return;
    output.dirty = true;
    this.#dirty.push(output);
  }

  deadline(delayMs: number, expire: () => void): Deadline {
    const deadline = { atMs: this.#nowMs + delayMs, expire };
    this.#deadlines.add(deadline);
    return deadline;
  }

  cancel(deadline: Deadline | null): void {
    if (deadline !== null) this.#deadlines.delete(deadline);
  }

  everySecond(act: () => void): () => void {
    this.#everySecond.add(act);
    return () => this.#everySecond.delete(act);
  }

  wakeBy(atMs: number): void {
    this.#wakeByMs = Math.min(this.#wakeByMs, atMs);
  }

  atTurnEnd(act: () => void): void {
    this.#atTurnEnd.push(act);
  }

  stop(): void {
    this.#running = false;
  }

  run(): void {
    this.#running = true;
    while (this.#running) this.turn(LONGEST_WAIT_MS);
    this.dispose();
  }

  /** Closes what was closed in the last turn, and the epoll set. Nothing may be called afterwards. */
  dispose(): void {
    this.#closeDescriptors();
    this.owned[this.#epoll.fd] = 0;
    this.#epoll.close();
  }

  /** One turn; waits at most `waitMs` for an event. */
  turn(waitMs: number): void {
    const busy = this.#tasks.length > 0 || this.#dirty.length > 0;
    const count = this.#epoll.wait(busy ? 0 : this.#longestWait(waitMs));
    this.#nowMs = performance.now();
    this.#wakeByMs = Infinity;
    this.#deliver(count);
    this.#gather(count);
    this.#runTasks();
    this.#flush();
    this.#tick();
    for (const act of this.#atTurnEnd) this.#guard(act);
    this.#closeDescriptors();
  }

  #longestWait(waitMs: number): number {
    const wait = this.#deadlines.size > 0 ? Math.min(waitMs, DEADLINE_SCAN_MS) : waitMs;
    if (this.#wakeByMs === Infinity) return wait;
    return Math.max(0, Math.min(wait, Math.ceil(this.#wakeByMs - this.#nowMs)));
  }

  #deliver(count: number): void {
    for (let i = 0; i < count; i++) {
      const source = this.#sources[this.#epoll.eventFd(i)];
      if (source !== undefined) this.#dispatch(source, this.#epoll.eventMask(i));
    }
  }

  /**
   * Under load more has come by now: what it adds to the outputs leaves in the same writes. A single event is not kept
   * waiting for company.
   */
  #gather(first: number): void {
    if (first < 2) return;
    for (let i = 0; i < MORE_BATCHES && this.#dirty.length > 0; i++) {
      const count = this.#epoll.wait(0);
      if (count === 0) return;
      this.#deliver(count);
    }
  }

  #dispatch(source: EventSource, mask: number): void {
    try {
      source.onEvents(mask);
    } catch (thrown) {
      this.#crashed(source, thrown);
    }
  }

  #runTasks(): void {
    if (this.#tasks.length === 0) return;
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
    if (this.#dirty.length === 0) return;
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

  #tick(): void {
    if (this.#nowMs >= this.#nextScanMs) {
      this.#nextScanMs = this.#nowMs + DEADLINE_SCAN_MS;
      for (const deadline of this.#deadlines) {
        if (deadline.atMs > this.#nowMs) continue;
        this.#deadlines.delete(deadline);
        this.#guard(deadline.expire);
      }
    }
    if (this.#nowMs < this.#nextSecondMs) return;
    this.#nextSecondMs = this.#nowMs + SECOND_MS;
    for (const act of this.#everySecond) this.#guard(act);
  }

  #closeDescriptors(): void {
    if (this.#closing.length === 0) return;
    const closing = this.#closing;
    this.#closing = [];
    for (const fd of closing) {
      this.owned[fd] = 0;
      this.#forget(fd);
      closeDescriptor(fd);
    }
  }

  #forget(fd: number): void {
    this.#sources[fd] = undefined;
    this.#masks[fd] = 0;
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
