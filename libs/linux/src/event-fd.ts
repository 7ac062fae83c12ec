import { closeDescriptor } from './descriptor.js';
import { libc } from './libc.js';
import { Memory } from './memory.js';
import { checked } from './system-call-error.js';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** Wakes another thread out of its epoll wait. Signals add up until they are drained; neither side ever blocks. */
export class EventFd {
  readonly #cell = Memory.allocate(64);

  private constructor(readonly fd: number) {}

  static create(): EventFd {
    return new EventFd(checked(libc().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'eventfd'));
  }

  /** The same counter seen from another thread, which was told the number. Only the creator closes it. */
  static fromDescriptor(fd: number): EventFd {
    return new EventFd(fd);
  }

  signal(): void {
    this.#cell.bytes.writeBigUInt64LE(1n, 0);
    libc().write(this.fd, this.#cell.addressAt(0, 8), 8);
  }

  drain(): void {
    libc().read(this.fd, this.#cell.addressAt(0, 8), 8);
  }

  close(): void {
    closeDescriptor(this.fd);
  }
}
