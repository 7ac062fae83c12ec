import { libc } from './libc.js';
import type { Memory } from './memory.js';
import { MSG_NOSIGNAL } from './socket-constants.js';
import { negativeErrno } from './system-call-error.js';

/** Bytes read into `memory` from `offset`, 0 at end of file, or `-errno` (`-EAGAIN` when nothing waits). */
export function receive(fd: number, memory: Memory, offset: number, length: number): number {
  return negativeErrno(libc().recv(fd, memory.addressAt(offset, length), length, 0));
}

/** Bytes the kernel took, possibly fewer, or `-errno`. Never raises SIGPIPE. */
export function transmit(fd: number, memory: Memory, offset: number, length: number): number {
  return negativeErrno(libc().send(fd, memory.addressAt(offset, length), length, MSG_NOSIGNAL));
}

const SHUT_WR = 1;

/** Sends FIN after what is queued; reading goes on. `-errno` (`-ENOTCONN` after a reset) is for the caller to ignore. */
export function shutdownWrite(fd: number): number {
  return negativeErrno(libc().shutdown(fd, SHUT_WR));
}
