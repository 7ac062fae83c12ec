import type { SocketAddress } from '@weft/ip';
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, shutdownWrite, socketOptions, transmit } from '@weft/linux';
import { payload } from './payload.js';
import type { LoadSocket, SocketLoop } from './socket-loop.js';

/** What a client of which no good comes does once it is connected; it never reads. */
export const HALF_OPEN_MANNERS = ['silent', 'ends', 'asks'] as const;

const REQUEST_BYTES = 1024;

/** A client that leaves its connection half used. It fails only if it cannot connect: that the far side hangs up is fine. */
export class HalfOpenSocket implements LoadSocket {
  readonly #fd: number;
  #connected = false;

  constructor(
    private readonly loop: SocketLoop,
    address: SocketAddress,
    private readonly manners: (typeof HALF_OPEN_MANNERS)[number],
  ) {
    this.#fd = loop.connect(address, this, EPOLLIN | EPOLLOUT | EPOLLET);
    if (this.#fd < 0) loop.fail('connect', -this.#fd);
  }

  onEvents(mask: number): void {
    if (this.#connected) return;
    this.#connected = true;
    if ((mask & (EPOLLERR | EPOLLHUP)) !== 0) {
      this.loop.fail('connect', socketOptions.pendingError(this.#fd) || undefined);
      return;
    }
    if (this.manners === 'ends') shutdownWrite(this.#fd);
    else if (this.manners === 'asks') transmit(this.#fd, payload.echo(), 0, REQUEST_BYTES);
  }
}
