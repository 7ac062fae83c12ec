import type { SocketAddress } from '@weft/ip';
import { closeDescriptor } from './descriptor.js';
import { EPOLLIN } from './epoll.js';
import { EAGAIN, EINTR } from './errno.js';
import { libc } from './libc.js';
import { MainLoopPoller } from './main-loop-poller.js';
import { Memory } from './memory.js';
import {
  AF_INET,
  AF_INET6,
  decodeSocketAddress,
  encodeSocketAddress,
  SOCKET_ADDRESS_BYTES,
} from './socket-address-codec.js';
import { MSG_NOSIGNAL, NEW_SOCKET_FLAGS, SOCK_DGRAM } from './socket-constants.js';
import { socketOptions } from './socket-options.js';
import { checked, negativeErrno, SystemCallError } from './system-call-error.js';

export interface UdpHandlers {
  /** One datagram; the bytes are the receiver's. */
  message(bytes: Buffer, from: SocketAddress): void;
  /** What an ICMP message said of an earlier datagram (`ECONNREFUSED`). The socket goes on. */
  failed(error: SystemCallError): void;
}

export interface UdpSocketOptions {
  readonly mark?: number;
  /** Port 0, or no address: the kernel takes a random one. */
  readonly bind?: SocketAddress;
  /** Several sockets share the bound port; the kernel spreads datagrams over them. */
  readonly reusePort?: boolean;
  /** Datagrams go there and come from there only. */
  readonly connect?: SocketAddress;
}

const MAX_DATAGRAM_BYTES = 65_535;
/** Datagrams in one turn of the event loop before others get theirs. */
const DATAGRAMS_PER_TURN = 32;
const ADDRESS_AT = 0;
const LENGTH_AT = 32;

let room: { readonly data: Memory; readonly address: Memory } | null = null;

/**
 * A UDP socket on the main thread, made in the network namespace of the caller (see `inNetns`), which Node's own cannot be.
 * Handlers run from the event loop, never from inside a call.
 */
export class UdpSocket {
  readonly #poller = MainLoopPoller.shared();
  readonly #family: 4 | 6;
  #fd: number;

  private constructor(
    fd: number,
    family: 4 | 6,
    private readonly handlers: UdpHandlers,
  ) {
    this.#fd = fd;
    this.#family = family;
    this.#poller.watch(fd, EPOLLIN, () => this.#read());
  }

  /** Throws SystemCallError: `EAFNOSUPPORT`, `EADDRNOTAVAIL`, `EADDRINUSE`, `ENETUNREACH`, `EPERM` (mark). */
  static open(family: 4 | 6, options: UdpSocketOptions, handlers: UdpHandlers): UdpSocket {
    const fd = checked(libc().socket(family === 4 ? AF_INET : AF_INET6, SOCK_DGRAM | NEW_SOCKET_FLAGS, 0), 'socket');
    try {
      if (family === 6) socketOptions.setIpv6Only(fd, true);
      if (options.mark !== undefined) socketOptions.setMark(fd, options.mark);
      if (options.reusePort === true) socketOptions.setReusePort(fd);
      if (options.bind !== undefined) attach('bind', fd, options.bind, family);
      if (options.connect !== undefined) attach('connect', fd, options.connect, family);
      return new UdpSocket(fd, family, handlers);
    } catch (cause) {
      closeDescriptor(fd);
      throw cause;
    }
  }

  /** Null once it is closed. */
  get localAddress(): SocketAddress | null {
    const { address } = buffers();
    address.bytes.writeUInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_AT);
    const result = libc().getsockname(this.#fd, address.addressAt(ADDRESS_AT, 28), address.addressAt(LENGTH_AT, 4));
    return result < 0 ? null : decodeSocketAddress(address.bytes, address.bytes.readUInt32LE(LENGTH_AT));
  }

  /**
   * 0, or `-errno`. A full send buffer loses the datagram (`-EAGAIN`), as the network might. `to` is left out on a connected
   * socket.
   */
  send(bytes: Buffer, to?: SocketAddress): number {
    if (this.#fd < 0) return 0;
    if (bytes.length > MAX_DATAGRAM_BYTES) throw new RangeError(`a datagram of ${bytes.length} bytes`);
    const { data, address } = buffers();
    bytes.copy(data.bytes);
    const length = to === undefined ? 0 : encodeSocketAddress(address.bytes, to, this.#family);
    const target = to === undefined ? 0 : address.addressAt(ADDRESS_AT, length);
    return Math.min(
      0,
      negativeErrno(
        libc().sendto(this.#fd, data.addressAt(0, bytes.length), bytes.length, MSG_NOSIGNAL, target, length),
      ),
    );
  }

  /** Does nothing the second time. No handler runs afterwards. */
  close(): void {
    if (this.#fd < 0) return;
    this.#poller.unwatch(this.#fd);
    closeDescriptor(this.#fd);
    this.#fd = -1;
  }

  #read(): void {
    const { data, address } = buffers();
    for (let i = 0; i < DATAGRAMS_PER_TURN && this.#fd >= 0; i++) {
      address.bytes.writeUInt32LE(SOCKET_ADDRESS_BYTES, LENGTH_AT);
      const [into, length] = [address.addressAt(ADDRESS_AT, SOCKET_ADDRESS_BYTES), address.addressAt(LENGTH_AT, 4)];
      const received = negativeErrno(
        libc().recvfrom(this.#fd, data.addressAt(0, data.length), data.length, 0, into, length),
      );
      if (received === -EAGAIN || received === -EINTR) return;
      if (received < 0) {
        this.handlers.failed(new SystemCallError('recvfrom', -received));
        continue;
      }
      const from = decodeSocketAddress(address.bytes, address.bytes.readUInt32LE(LENGTH_AT));
      // Copied before the handler, which may send through the same buffers.
      if (from !== null) this.handlers.message(Buffer.from(data.bytes.subarray(0, received)), from);
    }
  }
}

function attach(call: 'bind' | 'connect', fd: number, to: SocketAddress, family: 4 | 6): void {
  const { address } = buffers();
  const length = encodeSocketAddress(address.bytes, to, family);
  checked(libc()[call](fd, address.addressAt(ADDRESS_AT, length), length), call, `${to.ip.text} port ${to.port}`);
}

function buffers() {
  return (room ??= { data: Memory.allocate(MAX_DATAGRAM_BYTES), address: Memory.allocate(64) });
}
