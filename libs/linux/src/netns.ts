import { fstatSync, openSync, promises } from 'node:fs';
import { libc } from './libc.js';
import { checked } from './system-call-error.js';

const CLONE_NEWNET = 0x40000000;

/** What makes two descriptors the same network namespace. */
export interface NetnsIdentity {
  readonly device: number;
  readonly inode: number;
}

let home: number | null = null;

/** A descriptor of the namespace bound at `path` (`/run/netns/x`, `/proc/1/ns/net`). The caller closes it. */
export function openNetns(path: string): number {
  return openSync(path, 'r');
}

export function netnsIdentity(fd: number): NetnsIdentity {
  const { dev, ino } = fstatSync(fd);
  return { device: dev, inode: ino };
}

export function sameNetns(a: NetnsIdentity, b: NetnsIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/**
 * Runs `act` with the calling thread in the network namespace of `fd`, and returns to the thread's own before it returns
 * or throws. `act` must be synchronous: sockets made in it stay in that namespace, whatever uses them later.
 *
 * If the way back fails the process is stopped: a thread lost in a pod's namespace must not serve anybody.
 */
export function inNetns<T>(fd: number, act: () => T): T {
  home ??= openSync('/proc/thread-self/ns/net', 'r');
  checked(libc().setns(fd, CLONE_NEWNET), 'setns');
  let result: T;
  try {
    result = act();
  } finally {
    if (libc().setns(home, CLONE_NEWNET) !== 0) process.abort();
  }
  if (result instanceof Promise) throw new TypeError('inNetns takes a synchronous function');
  return result;
}

/**
 * Makes libuv start its pool threads now. They keep the namespace in which they were started, so this must run before the
 * first `inNetns` of the process.
 */
export async function warmThreadPool(): Promise<void> {
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  await Promise.all(Array.from({ length: Math.max(1, threads) }, () => promises.stat('/proc/self')));
}
