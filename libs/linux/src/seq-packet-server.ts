import { EventEmitter } from 'node:events';
import { chmodSync, unlinkSync } from 'node:fs';
import { closeDescriptor } from './descriptor.js';
import { EPOLLIN } from './epoll.js';
import { EAGAIN, EMFILE, ENFILE } from './errno.js';
import { libc } from './libc.js';
import { MainLoopPoller } from './main-loop-poller.js';
import { SeqPacketConnection, type SeqPacketOptions } from './seq-packet-connection.js';
import { NEW_SOCKET_FLAGS } from './socket-constants.js';
import { negativeErrno, SystemCallError } from './system-call-error.js';
import { listenSeqPacketSocket } from './unix-socket.js';

export interface SeqPacketServerOptions extends SeqPacketOptions {
  /** Permission bits of the socket file. Default 0o600. */
  readonly mode?: number;
}

export interface SeqPacketServerEvents {
  connection: [connection: SeqPacketConnection];
  /** Accepting failed (out of descriptors); it is tried again. Without a listener it is dropped. */
  acceptFailed: [error: Error];
}

const BACKLOG = 16;
const RETRY_ACCEPT_MS = 100;

/**
 * Listens on a SOCK_SEQPACKET unix socket, main thread only. A socket file left behind by a dead process is replaced.
 * Connections belong to whoever took them: closing the server does not close them.
 */
export class SeqPacketServer extends EventEmitter<SeqPacketServerEvents> {
  readonly #poller = MainLoopPoller.shared();
  #fd: number;

  private constructor(
    readonly path: string,
    private readonly options: SeqPacketServerOptions,
  ) {
    super();
    removeSocketFile(path);
    this.#fd = listenSeqPacketSocket(path, BACKLOG);
    try {
      chmodSync(path, options.mode ?? 0o600);
      this.#watch();
    } catch (cause) {
      closeDescriptor(this.#fd);
      throw cause;
    }
  }

  /** Throws SystemCallError when the folder does not exist or may not be written. Listeners may be added right after. */
  static listen(path: string, options: SeqPacketServerOptions = {}): SeqPacketServer {
    return new SeqPacketServer(path, options);
  }

  /** Stops accepting and removes the socket file. Does nothing the second time. */
  close(): void {
    if (this.#fd < 0) return;
    this.#poller.unwatch(this.#fd);
    closeDescriptor(this.#fd);
    this.#fd = -1;
    removeSocketFile(this.path);
  }

  #watch(): void {
    this.#poller.watch(this.#fd, EPOLLIN, () => this.#accept());
  }

  #accept(): void {
    while (this.#fd >= 0) {
      const fd = negativeErrno(libc().accept4(this.#fd, 0, 0, NEW_SOCKET_FLAGS));
      if (fd === -EAGAIN) return;
      if (fd < 0) {
        this.emit('acceptFailed', new SystemCallError('accept4', -fd, this.path));
        if (fd === -EMFILE || fd === -ENFILE) this.#pause();
        return;
      }
      if (this.listenerCount('connection') === 0) closeDescriptor(fd);
      else this.emit('connection', new SeqPacketConnection(fd, this.options));
    }
  }

  /** Out of descriptors the socket stays readable: without a pause the loop would spin. */
  #pause(): void {
    this.#poller.unwatch(this.#fd);
    setTimeout(() => {
      if (this.#fd >= 0) this.#watch();
    }, RETRY_ACCEPT_MS);
  }
}

function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}
