import type { SocketAddress } from '@weft/ip';
import { closeDescriptor, Epoll, errnoName, socketOptions, tcpSocket } from '@weft/linux';

/** A connection of a load. */
export interface LoadSocket {
  onEvents(mask: number): void;
}

const KEPT_ERRORS = 5;

/** Epoll in, plain calls out: the load must cost little beside what it measures. */
export class SocketLoop {
  readonly #epoll = new Epoll(512);
  readonly #sockets: (LoadSocket | undefined)[] = [];
  readonly #fds = new Set<number>();
  errors = 0;
  readonly firstErrors: string[] = [];

  /** Begins a connection in the thread's network namespace; 0 > the connect failed at once, as `-errno`. */
  connect(address: SocketAddress, socket: LoadSocket, events: number): number {
    const fd = tcpSocket.open(address.ip.family);
    socketOptions.setNoDelay(fd);
    const result = tcpSocket.connect(fd, address, address.ip.family);
    if (result < 0) {
      closeDescriptor(fd);
      return result;
    }
    this.watch(fd, socket, events);
    return fd;
  }

  watch(fd: number, socket: LoadSocket, events: number): void {
    this.#epoll.add(fd, events);
    this.#sockets[fd] = socket;
    this.#fds.add(fd);
  }

  change(fd: number, events: number): void {
    this.#epoll.modify(fd, events);
  }

  /** `reset`: what is under way is dropped, here and on the path. */
  close(fd: number, reset = false): void {
    if (reset) socketOptions.setResetOnClose(fd);
    this.#sockets[fd] = undefined;
    this.#fds.delete(fd);
    closeDescriptor(fd);
  }

  closeAll(reset: boolean): void {
    for (const fd of [...this.#fds]) this.close(fd, reset);
  }

  fail(what: string, errno?: number): void {
    this.errors++;
    if (this.firstErrors.length < KEPT_ERRORS)
      this.firstErrors.push(errno === undefined ? what : `${what}: ${errnoName(errno)}`);
  }

  /** One batch of events; waits for them at most `timeoutMs`. */
  turn(timeoutMs: number): void {
    const count = this.#epoll.wait(timeoutMs);
    for (let i = 0; i < count; i++) this.#sockets[this.#epoll.eventFd(i)]?.onEvents(this.#epoll.eventMask(i));
  }

  /** Frees the set itself; close the connections before. */
  dispose(): void {
    this.#epoll.close();
  }
}
