import { libc } from './libc.js';
import { checked } from './system-call-error.js';

const F_DUPFD_CLOEXEC = 1030;

/** Closes a descriptor. Errors are ignored: after close(2) the number is free whatever it says. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/** A second descriptor of the same open file; the caller closes both. */
export function duplicateDescriptor(fd: number): number {
  return checked(libc().fcntl(fd, F_DUPFD_CLOEXEC, 3), 'fcntl', `F_DUPFD_CLOEXEC ${fd}`);
}
