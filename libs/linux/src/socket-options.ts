import { libc } from './libc.js';
import { Memory } from './memory.js';
import { SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP } from './socket-constants.js';
import { checked } from './system-call-error.js';

const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const IP_FREEBIND = 15;
const IP_TRANSPARENT = 19;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPV6_V6ONLY = 26;
const IPV6_TRANSPARENT = 75;
const IPV6_FREEBIND = 78;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

let cell: Memory | null = null;

function set(fd: number, level: number, option: number, value: number, name: string): void {
  cell ??= Memory.allocate(64);
  cell.bytes.writeInt32LE(value, 0);
  checked(libc().setsockopt(fd, level, option, cell.addressAt(0, 4), 4), 'setsockopt', name);
}

function get(fd: number, level: number, option: number, name: string): number {
  cell ??= Memory.allocate(64);
  cell.bytes.writeInt32LE(0, 0);
  cell.bytes.writeUInt32LE(4, 8);
  checked(libc().getsockopt(fd, level, option, cell.addressAt(0, 4), cell.addressAt(8, 4)), 'getsockopt', name);
  return cell.bytes.readInt32LE(0);
}

export interface KeepAlive {
  readonly idleSeconds: number;
  readonly intervalSeconds: number;
  readonly probes: number;
}

/** Options of TCP sockets. All throw SystemCallError; `EPERM` means that NET_ADMIN is missing. */
export const socketOptions = {
  /** Packets of this socket carry `mark`, which firewall rules and routing see. Accepted sockets inherit it. */
  setMark(fd: number, mark: number): void {
    set(fd, SOL_SOCKET, SO_MARK, mark, 'SO_MARK');
  },
  mark(fd: number): number {
    return get(fd, SOL_SOCKET, SO_MARK, 'SO_MARK');
  },
  /** Allows binding to, and accepting on, addresses that are not of this host. */
  setTransparent(fd: number, family: 4 | 6): void {
    if (family === 6) set(fd, SOL_IPV6, IPV6_TRANSPARENT, 1, 'IPV6_TRANSPARENT');
    else set(fd, SOL_IP, IP_TRANSPARENT, 1, 'IP_TRANSPARENT');
  },
  setFreebind(fd: number, family: 4 | 6): void {
    if (family === 6) set(fd, SOL_IPV6, IPV6_FREEBIND, 1, 'IPV6_FREEBIND');
    else set(fd, SOL_IP, IP_FREEBIND, 1, 'IP_FREEBIND');
  },
  /** A bind to port 0 chooses the port at connect, so that one source address may use a port to several destinations. */
  setBindAddressNoPort(fd: number): void {
    set(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1, 'IP_BIND_ADDRESS_NO_PORT');
  },
  setReuseAddress(fd: number): void {
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
  },
  /** Several sockets share one port; the kernel spreads connections over them. */
  setReusePort(fd: number): void {
    set(fd, SOL_SOCKET, SO_REUSEPORT, 1, 'SO_REUSEPORT');
  },
  /** False: an IPv6 listener also takes IPv4 connections. */
  setIpv6Only(fd: number, only: boolean): void {
    set(fd, SOL_IPV6, IPV6_V6ONLY, only ? 1 : 0, 'IPV6_V6ONLY');
  },
  setNoDelay(fd: number): void {
    set(fd, SOL_TCP, TCP_NODELAY, 1, 'TCP_NODELAY');
  },
  setKeepAlive(fd: number, keepAlive: KeepAlive): void {
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, 'SO_KEEPALIVE');
    set(fd, SOL_TCP, TCP_KEEPIDLE, keepAlive.idleSeconds, 'TCP_KEEPIDLE');
    set(fd, SOL_TCP, TCP_KEEPINTVL, keepAlive.intervalSeconds, 'TCP_KEEPINTVL');
    set(fd, SOL_TCP, TCP_KEEPCNT, keepAlive.probes, 'TCP_KEEPCNT');
  },
  setUserTimeout(fd: number, timeoutMs: number): void {
    set(fd, SOL_TCP, TCP_USER_TIMEOUT, timeoutMs, 'TCP_USER_TIMEOUT');
  },
  /** Close now sends RST and drops what was not sent. */
  setResetOnClose(fd: number): void {
    cell ??= Memory.allocate(64);
    cell.bytes.writeInt32LE(1, 0);
    cell.bytes.writeInt32LE(0, 4);
    checked(libc().setsockopt(fd, SOL_SOCKET, SO_LINGER, cell.addressAt(0, 8), 8), 'setsockopt', 'SO_LINGER');
  },
  /** The outcome of a non-blocking connect: 0, or a positive errno. Reading clears it. */
  pendingError(fd: number): number {
    return get(fd, SOL_SOCKET, SO_ERROR, 'SO_ERROR');
  },
} as const;
