import { isMainThread } from 'node:worker_threads';
import { Epoll } from './epoll.js';
import { libc } from './libc.js';
import { NativeLibrary, type NativeFunction } from './native-library.js';
import { SystemCallError } from './system-call-error.js';

const UV_POLL = 8;
const UV_READABLE = 1;

/** Called on the main thread with the epoll mask. It must not throw; what it throws becomes an uncaught exception. */
export type ReadinessHandler = (mask: number) => void;

/**
 * Readiness of descriptors that Node itself cannot watch (SOCK_SEQPACKET, netlink) on the main thread's event loop.
 *
 * All of them are in one epoll set, and that set is watched by one libuv poll handle made through the libuv symbols that
 * `node` exports. The libuv callback only plans an immediate: handlers then run as ordinary event-loop callbacks, with
 * promises and ticks working. The process stays alive while at least one descriptor is watched.
 */
export class MainLoopPoller {
  static #shared: MainLoopPoller | null = null;

  readonly #epoll = new Epoll(64);
  readonly #handlers = new Map<number, ReadinessHandler>();
  readonly #uv: { start: NativeFunction; stop: NativeFunction };
  readonly #handle: number;
  readonly #callback: number;
  #planned = false;

  private constructor() {
    if (!isMainThread)
      throw new Error('descriptors are watched on the main thread only; a worker has its own epoll set');
    const library = new NativeLibrary();
    const handleSize = library.bind('int64_t uv_handle_size(int)')(UV_POLL);
    // Linked into the loop for good, so it is never freed.
    this.#handle = libc().calloc(1, handleSize);
    const loop = library.bind('int64_t uv_default_loop()')();
    const status = library.bind('int uv_poll_init(int64_t, int64_t, int)')(loop, this.#handle, this.#epoll.fd);
    if (status < 0) throw new SystemCallError('uv_poll_init', -status);
    this.#uv = {
      start: library.bind('int uv_poll_start(int64_t, int, int64_t)'),
      stop: library.bind('int uv_poll_stop(int64_t)'),
    };
    this.#callback = NativeLibrary.callback('void WeftReady(int64_t handle, int status, int events)', () => {
      this.#plan();
      return undefined;
    });
    // Nothing of ours may run while the environment is torn down.
    process.once('exit', () => this.#uv.stop(this.#handle));
  }

  /** The one of this thread. Throws in a worker thread. */
  static shared(): MainLoopPoller {
    return (MainLoopPoller.#shared ??= new MainLoopPoller());
  }

  watch(fd: number, events: number, handler: ReadinessHandler): void {
    this.#epoll.add(fd, events);
    this.#handlers.set(fd, handler);
    if (this.#handlers.size === 1) this.#uv.start(this.#handle, UV_READABLE, this.#callback);
  }

  change(fd: number, events: number): void {
    this.#epoll.modify(fd, events);
  }

  /** Call it before the descriptor is closed. */
  unwatch(fd: number): void {
    if (!this.#handlers.delete(fd)) return;
    this.#epoll.remove(fd);
    if (this.#handlers.size === 0) this.#uv.stop(this.#handle);
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    const count = this.#epoll.wait(0);
    // Copied first: a handler may close one descriptor and open another with the same number.
    const ready = Array.from({ length: count }, (_, i) => {
      const fd = this.#epoll.eventFd(i);
      return { fd, mask: this.#epoll.eventMask(i), handler: this.#handlers.get(fd) };
    });
    for (const { fd, mask, handler } of ready) {
      if (handler !== undefined && this.#handlers.get(fd) === handler) handler(mask);
    }
  }
}
