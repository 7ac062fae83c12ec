import { socketOptions, tcpSocket } from '@weft/linux';
import type { Loop } from './loop.js';

const LOOK_AGAIN_MS = 100;
/** A peer that has acknowledged nothing for this long is gone itself. */
const MOST_LOOKS = 50;

/** A socket about to be reset; whoever made it keeps the descriptor open until `close`. */
export interface Resettable {
  readonly fd: number;
  /** False when something else has closed it meanwhile: the number may be another socket's. */
  isOpen(): boolean;
  close(): void;
}

/**
 * Closes with a reset that the peer believes. The kernel sends one RST and forgets the connection. A peer that misses bytes which
 * came before it takes it for a forgery and asks back (RFC 5961, 3.2); to that the kernel has no answer for a socket that was bound
 * to the address of a client, and the peer would stay connected for ever. So it waits until what was sent has arrived.
 */
export function resetWhenHeard(loop: Loop, socket: Resettable): void {
  socketOptions.setResetOnClose(socket.fd);
  let looks = 0;
  const look = (): void => {
    if (!socket.isOpen()) return;
    if (looks++ < MOST_LOOKS && tcpSocket.hasBytesInFlight(socket.fd)) loop.deadline(LOOK_AGAIN_MS, look);
    else socket.close();
  };
  look();
}
