import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { tcpSocket } from '@weft/linux';

/** What a socket says of itself that is broken altogether; nothing is reached there. */
const NOWHERE = parseSocketAddress('0.0.0.0:0')!;

/** This end of an accepted connection, as the packets carry it after the rules. */
export function acceptedAddress(fd: number): SocketAddress {
  return tcpSocket.localAddress(fd) ?? NOWHERE;
}

/** Where the client of an accepted connection meant to go, before the rules. */
export function originalDestination(fd: number): SocketAddress {
  return tcpSocket.originalDestination(fd) ?? acceptedAddress(fd);
}
