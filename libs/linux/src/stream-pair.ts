import { libc } from './libc.js';
import { Memory } from './memory.js';
import { AF_UNIX, NEW_SOCKET_FLAGS, SOCK_STREAM } from './socket-constants.js';
import { checked } from './system-call-error.js';

/** Two connected, non-blocking stream sockets: what is written to one is read from the other. Throws SystemCallError. */
export function streamPair(): readonly [number, number] {
  const pair = Memory.allocate(64);
  checked(libc().socketpair(AF_UNIX, SOCK_STREAM | NEW_SOCKET_FLAGS, 0, pair.addressAt(0, 8)), 'socketpair');
  return [pair.bytes.readInt32LE(0), pair.bytes.readInt32LE(4)];
}
