import { EventEmitter } from 'node:events';
import { MeshError } from '@weft/result';
import { closeDescriptor, duplicateDescriptor } from './descriptor.js';
import { DescriptorMessage } from './descriptor-message.js';
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from './epoll.js';
import { EAGAIN, ECONNRESET, EINTR, EPIPE } from './errno.js';
import { MainLoopPoller } from './main-loop-poller.js';
import { Memory } from './memory.js';
import { SystemCallError } from './system-call-error.js';
import { connectSeqPacketSocket } from './unix-socket.js';

/** The peer sent a packet, or more descriptors, than this side takes. The connection is closed. */
export class SeqPacketTruncatedError extends MeshError {
  readonly code = 'LINUX_SEQPACKET_TRUNCATED';

  constructor(readonly limitBytes: number) {
    super(`a packet was larger than ${limitBytes} bytes or carried too many descriptors`);
  }
}

export interface SeqPacketOptions {
  /** Longest packet taken. Default 64 KiB. */
  readonly maxMessageBytes?: number;
}

export interface SeqPacketEvents {
  /** One packet. The receiver owns `fds` and closes them. */
  message: [message: Buffer, fds: number[]];
  /** Exactly once; null after an orderly end by either side. */
  close: [error: Error | null];
}

interface Pending {
  readonly message: Memory;
  /** Our own duplicates, so that the caller may close its descriptors at once. */
  readonly fds: readonly number[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Packets in one turn of the event loop before others get theirs. */
const MESSAGES_PER_TURN = 64;

/**
 * A connected SOCK_SEQPACKET unix socket on the main thread: packets with descriptors in both directions. Messages are
 * delivered from the event loop, never from inside `connect` or `send`, so listeners may be added right after either.
 */
export class SeqPacketConnection extends EventEmitter<SeqPacketEvents> {
  readonly #poller = MainLoopPoller.shared();
  readonly #codec = new DescriptorMessage();
  readonly #input: Memory;
  readonly #queue: Pending[] = [];
  #fd: number;

  /** Takes over a connected descriptor, also when it throws. */
  constructor(fd: number, options: SeqPacketOptions = {}) {
    super();
    this.#fd = fd;
    this.#input = Memory.allocate(options.maxMessageBytes ?? 65_536);
    try {
      this.#poller.watch(fd, EPOLLIN, (mask) => this.#ready(mask));
    } catch (cause) {
      closeDescriptor(fd);
      throw cause;
    }
  }

  /** Throws SystemCallError: `ENOENT` (no socket file), `ECONNREFUSED` (nobody listens), `EAGAIN` (backlog full). */
  static connect(path: string, options?: SeqPacketOptions): SeqPacketConnection {
    return new SeqPacketConnection(connectSeqPacketSocket(path), options);
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /**
   * Sends one packet; resolves when the kernel has it, in order. Rejects with SystemCallError (`EPIPE` after the peer or
   * this side closed). `fds` stay the caller's.
   */
  send(message: Uint8Array, fds: readonly number[] = []): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(new SystemCallError('sendmsg', EPIPE, 'on a closed connection'));
        return;
      }
      const memory = Memory.of(Buffer.from(message));
      if (this.#queue.length === 0) {
        const sent = this.#codec.send(this.#fd, memory, fds);
        if (sent >= 0) {
          resolve();
          return;
        }
        if (sent !== -EAGAIN && sent !== -EINTR) {
          reject(new SystemCallError('sendmsg', -sent));
          return;
        }
      }
      this.#queue.push({ message: memory, fds: fds.map(duplicateDescriptor), resolve, reject });
      this.#poller.change(this.#fd, EPOLLIN | EPOLLOUT);
    });
  }

  /** Closes at once: what is queued is rejected, `close` is emitted. Does nothing the second time. */
  close(error: Error | null = null): void {
    if (this.closed) return;
    this.#poller.unwatch(this.#fd);
    closeDescriptor(this.#fd);
    this.#fd = -1;
    for (const pending of this.#queue.splice(0)) {
      pending.fds.forEach(closeDescriptor);
      pending.reject(error ?? new SystemCallError('sendmsg', EPIPE, 'connection closed'));
    }
    this.emit('close', error);
  }

  #ready(mask: number): void {
    if ((mask & EPOLLOUT) !== 0) this.#flush();
    if ((mask & (EPOLLIN | EPOLLHUP | EPOLLERR)) !== 0) this.#read();
  }

  #flush(): void {
    for (let next = this.#queue[0]; next !== undefined && !this.closed; next = this.#queue[0]) {
      const sent = this.#codec.send(this.#fd, next.message, next.fds);
      if (sent === -EAGAIN || sent === -EINTR) return;
      this.#queue.shift();
      next.fds.forEach(closeDescriptor);
      if (sent < 0) next.reject(new SystemCallError('sendmsg', -sent));
      else next.resolve();
    }
    if (!this.closed) this.#poller.change(this.#fd, EPOLLIN);
  }

  #read(): void {
    for (let i = 0; i < MESSAGES_PER_TURN && !this.closed; i++) {
      const received = this.#codec.receive(this.#fd, this.#input);
      if (typeof received === 'number') {
        if (received === -EAGAIN || received === -EINTR) return;
        // A peer that closes with unread packets resets the connection; for us that is its end.
        this.close(received === -ECONNRESET ? null : new SystemCallError('recvmsg', -received));
      } else if (received.truncated) {
        received.fds.forEach(closeDescriptor);
        this.close(new SeqPacketTruncatedError(this.#input.length));
      } else if (received.length === 0 && received.fds.length === 0) {
        this.close();
      } else if (this.listenerCount('message') === 0) {
        received.fds.forEach(closeDescriptor);
      } else {
        this.emit('message', Buffer.from(this.#input.bytes.subarray(0, received.length)), [...received.fds]);
      }
    }
  }
}
