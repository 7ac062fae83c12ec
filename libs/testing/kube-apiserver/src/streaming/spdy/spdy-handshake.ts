import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest } from '../../status-error.js';

export const SPDY_UPGRADE = 'spdy/3.1';
const PROTOCOL_HEADER = 'x-stream-protocol-version';

/** The first of the client's protocols that is supported. Throws StatusError when there is none. */
export function negotiateSpdyProtocol(request: IncomingMessage, supported: readonly string[]): string {
  const offered = String(request.headers[PROTOCOL_HEADER] ?? '')
    .split(',')
    .map((text) => text.trim());
  const chosen = offered.find((protocol) => supported.includes(protocol));
  if (chosen === undefined) {
    throw badRequest(
      `unable to upgrade: none of the offered protocols is supported: ${offered.join(', ')}; supported: ${supported.join(', ')}`,
    );
  }
  return chosen;
}

export function acceptSpdy(socket: Duplex, protocol: string): void {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${PROTOCOL_HEADER}: ${protocol}\r\n\r\n`,
  );
}
