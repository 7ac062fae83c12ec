import { parseSocketAddress, type SocketAddress } from '@weft/ip';
import { Memory } from '@weft/linux';
import { encodeProxyHeader, ProxyTlv } from '@weft/proxy-protocol';
import type { ProxyHeaderFields } from './messages.js';
import type { PlainSocket } from './plain-socket.js';

/** The first bytes to an application that wants to know who is behind the proxy. Not counted as traffic. */
export function writeProxyHeader(
  socket: PlainSocket,
  source: SocketAddress,
  { destination, clientIdentity, serviceHostname }: ProxyHeaderFields,
): void {
  const tlvs = new Map<number, Uint8Array>();
  if (clientIdentity !== undefined) tlvs.set(ProxyTlv.CLIENT_IDENTITY, Buffer.from(clientIdentity));
  if (serviceHostname !== undefined) tlvs.set(ProxyTlv.SERVICE_HOSTNAME, Buffer.from(serviceHostname));
  const header = encodeProxyHeader({ source, destination: parseSocketAddress(destination), tlvs });
  const memory = Memory.of(Buffer.from(header));
  socket.write(memory, 0, memory.length);
}
