import { constants } from 'node:os';

const NAMES: ReadonlyMap<number, string> = new Map(
  // Aliases (EWOULDBLOCK is EAGAIN) come later in the table: the first name wins.
  Object.entries(constants.errno)
    .reverse()
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, number]) => [number, name]),
);

/** `ECONNREFUSED` for 111; `errno 999` for what the system's table does not name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

export const EAGAIN = constants.errno.EAGAIN;
export const EINTR = constants.errno.EINTR;
export const EINPROGRESS = constants.errno.EINPROGRESS;
export const ENOENT = constants.errno.ENOENT;
export const EMFILE = constants.errno.EMFILE;
export const ENFILE = constants.errno.ENFILE;
export const EPIPE = constants.errno.EPIPE;
export const ECONNRESET = constants.errno.ECONNRESET;
