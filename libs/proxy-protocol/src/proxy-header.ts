import type { SocketAddress } from '@weft/ip';

/**
 * What a PROXY protocol v2 header of command PROXY and transport STREAM says. Addresses of different families cannot be
 * said; then, and when there are none, the header has family UNSPEC and only the extra fields.
 */
export interface ProxyHeader {
  /** Null: the header is of command LOCAL or of family UNSPEC. */
  readonly source: SocketAddress | null;
  readonly destination: SocketAddress | null;
  /** By type, one byte each. */
  readonly tlvs: ReadonlyMap<number, Uint8Array>;
}

/** TLV types that the ambient mesh adds (`ApplicationTunnel` of workload.proto). */
export const ProxyTlv = {
  /** SPIFFE ID of the client, UTF-8. */
  CLIENT_IDENTITY: 0xd0,
  /** Hostname of the service that the client meant, UTF-8. */
  SERVICE_HOSTNAME: 0xd1,
} as const;

export const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
/** Signature, version and command, family and transport, length of the rest. */
export const FIXED_BYTES = 16;
export const MAX_HEADER_BYTES = FIXED_BYTES + 0xffff;

export const VERSION_2 = 0x20;
export const COMMAND_LOCAL = 0;
export const COMMAND_PROXY = 1;
export const UNSPEC = 0x00;
export const TCP_OVER_IPV4 = 0x11;
export const TCP_OVER_IPV6 = 0x21;

/** Bytes of both addresses and ports. */
export function addressBytes(family: number): number {
  return family === TCP_OVER_IPV4 ? 12 : family === TCP_OVER_IPV6 ? 36 : 0;
}
