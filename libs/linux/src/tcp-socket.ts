import type { SocketAddress } from '@weft/ip';
import { closeDescriptor } from './descriptor.js';
import { EINPROGRESS } from './errno.js';
import { libc } from './libc.js';
import { Memory } from './memory.js';
import {
  AF_INET,
  AF_INET6,
  decodeSocketAddress,
  encodeSocketAddress,
  SOCKET_ADDRESS_BYTES,
} from './socket-address-codec.js';
import { NEW_SOCKET_FLAGS, SOCK_STREAM, SOL_IP, SOL_IPV6 } from './socket-constants.js';
import { checked, negativeErrno, SystemCallError } from './system-call-error.js';

const SO_ORIGINAL_DST = 80;
/** Bytes that the peer has not acknowledged, and those of them that were not even sent. */
const SIOCOUTQ = 0x5411;
const SIOCOUTQNSD = 0x894b;
/** Room for any address; the length cell is behind it. */
const LENGTH_AT = 128;

let scratch: Memory | null = null;
const room = (): Memory => (scratch ??= Memory.allocate(256));

/**
 * TCP sockets by descriptor number, always non-blocking and close-on-exec. What is made here is made in the network
 * namespace of the calling thread; see `inNetns`.
 */
export const tcpSocket = {
  /** Throws SystemCallError; `EAFNOSUPPORT` when the family is not there. */
  open(family: 4 | 6): number {
    return checked(libc().socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM | NEW_SOCKET_FLAGS, 0), 'socket');
  },

  bind(fd: number, address: SocketAddress, family: 4 | 6): void {
    const length = encodeSocketAddress(room().bytes, address, family);
    checked(libc().bind(fd, room().addressAt(0, length), length), 'bind', `${address.ip.text} port ${address.port}`);
  },

  listen(fd: number, backlog: number): void {
    checked(libc().listen(fd, backlog), 'listen');
  },

  /** A connection, or `-errno` (`-EAGAIN` when none waits). Who is on it: `acceptedPeer`, before the next call here. */
  accept(listener: number): number {
    const memory = room();
    memory.bytes.writeUInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_AT);
    const address = memory.addressAt(0, SOCKET_ADDRESS_BYTES);
    return negativeErrno(libc().accept4(listener, address, memory.addressAt(LENGTH_AT, 4), NEW_SOCKET_FLAGS));
  },

  /** The far end of the connection that `accept` returned last. */
  acceptedPeer(): SocketAddress | null {
    return decodeSocketAddress(room().bytes, room().bytes.readUInt32LE(LENGTH_AT));
  },

  /** 0 when connected or under way (then EPOLLOUT and `socketOptions.pendingError` tell), else `-errno`. */
  connect(fd: number, address: SocketAddress, family: 4 | 6): number {
    const length = encodeSocketAddress(room().bytes, address, family);
    const result = negativeErrno(libc().connect(fd, room().addressAt(0, length), length));
    return result === -EINPROGRESS ? 0 : result;
  },

  /** Null once the connection is gone. */
  localAddress(fd: number): SocketAddress | null {
    return readAddress((address, length) => libc().getsockname(fd, address, length));
  },

  /** Null once the connection is gone. */
  peerAddress(fd: number): SocketAddress | null {
    return readAddress((address, length) => libc().getpeername(fd, address, length));
  },

  /** Whether bytes were sent that the peer has not acknowledged. False once the connection is gone. */
  hasBytesInFlight(fd: number): boolean {
    const [queued, unsent] = [SIOCOUTQ, SIOCOUTQNSD].map((request) => {
      const answer = room().addressAt(LENGTH_AT, 4);
      return libc().ioctl(fd, request, answer) < 0 ? 0 : room().bytes.readInt32LE(LENGTH_AT);
    }) as [number, number];
    return queued > unsent;
  },

  /** Where the client meant to go before a REDIRECT rule; null when no rule touched the connection. */
  originalDestination(fd: number): SocketAddress | null {
    return (
      readAddress((address, length) => libc().getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, address, length)) ??
      readAddress((address, length) => libc().getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, address, length))
    );
  },

  /** Opens a socket and hands it to `prepare`; closes it again if that throws. */
  prepared(family: 4 | 6, prepare: (fd: number) => void): number {
    const fd = tcpSocket.open(family);
    try {
      prepare(fd);
      return fd;
    } catch (cause) {
      closeDescriptor(fd);
      throw cause;
    }
  },

  /** Whether the kernel can make sockets of the family in this namespace. */
  supports(family: 4 | 6): boolean {
    try {
      closeDescriptor(tcpSocket.open(family));
      return true;
    } catch (cause) {
      if (cause instanceof SystemCallError && cause.errnoName === 'EAFNOSUPPORT') return false;
      throw cause;
    }
  },
} as const;

function readAddress(call: (address: number, length: number) => number): SocketAddress | null {
  const memory = room();
  memory.bytes.writeUInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_AT);
  if (call(memory.addressAt(0, SOCKET_ADDRESS_BYTES), memory.addressAt(LENGTH_AT, 4)) < 0) return null;
  return decodeSocketAddress(memory.bytes, memory.bytes.readUInt32LE(LENGTH_AT));
}
