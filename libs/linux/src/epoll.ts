import { arch } from 'node:process';
import { EINTR } from './errno.js';
import { closeDescriptor } from './descriptor.js';
import { libc } from './libc.js';
import { Memory } from './memory.js';
import { checked, negativeErrno, SystemCallError } from './system-call-error.js';

export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 1 << 31;

const EPOLL_CLOEXEC = 0o2000000;
const ADD = 1;
const DELETE = 2;
const MODIFY = 3;

// struct epoll_event is packed on x86-64 only.
const EVENT_BYTES = arch === 'x64' ? 12 : 16;
const EVENT_WORDS = EVENT_BYTES / 4;
const DATA_WORD = arch === 'x64' ? 1 : 2;

/** One epoll set. Events carry the descriptor number; nothing is allocated per event. */
export class Epoll {
  readonly fd: number;
  readonly #control = Memory.allocate(64);
  readonly #events: Memory;
  readonly #eventsAddress: number;
  readonly #words: Int32Array;
  readonly #controlWords: Int32Array;
  readonly #controlAddress: number;

  constructor(readonly capacity = 512) {
    this.#events = Memory.allocate(capacity * EVENT_BYTES);
    this.#eventsAddress = this.#events.addressAt(0, this.#events.length);
    this.#words = wordsOf(this.#events.bytes);
    this.#controlWords = wordsOf(this.#control.bytes);
    this.#controlAddress = this.#control.addressAt(0, EVENT_BYTES);
    this.fd = checked(libc().epoll_create1(EPOLL_CLOEXEC), 'epoll_create1');
  }

  add(fd: number, events: number): void {
    checked(this.#ctl(ADD, fd, events), 'epoll_ctl', `add ${fd}`);
  }

  modify(fd: number, events: number): void {
    checked(this.#ctl(MODIFY, fd, events), 'epoll_ctl', `modify ${fd}`);
  }

  /** Does nothing when the descriptor is not in the set. Closing a descriptor also takes it out. */
  remove(fd: number): void {
    this.#ctl(DELETE, fd, 0);
  }

  /** How many events came, 0 after `timeoutMs` (-1 waits for ever). Read them with `eventFd` and `eventMask`. */
  wait(timeoutMs: number): number {
    const count = negativeErrno(libc().epoll_wait(this.fd, this.#eventsAddress, this.capacity, timeoutMs));
    if (count >= 0) return count;
    if (count === -EINTR) return 0;
    throw new SystemCallError('epoll_wait', -count);
  }

  eventFd(index: number): number {
    return this.#words[index * EVENT_WORDS + DATA_WORD]!;
  }

  eventMask(index: number): number {
    return this.#words[index * EVENT_WORDS]!;
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  #ctl(operation: number, fd: number, events: number): number {
    this.#controlWords[0] = events;
    this.#controlWords[DATA_WORD] = fd;
    return libc().epoll_ctl(this.fd, operation, fd, this.#controlAddress);
  }
}

function wordsOf(bytes: Buffer): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
