import { formatSocketAddress, parseSocketAddress } from '@weft/ip';
import type { FuzzTarget } from '@weft/testing-fuzz';
import { decodeProxyHeader, encodeProxyHeader, ProxyTlv } from '../index.js';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

const header = (source: string, destination: string, tlvs: ReadonlyMap<number, Uint8Array> = new Map()): Buffer =>
  Buffer.from(
    encodeProxyHeader({ source: parseSocketAddress(source)!, destination: parseSocketAddress(destination), tlvs }),
  );

/** A PROXY protocol header, version 2, as a waypoint gets it; and what comes of it when it is written again. */
export const proxyFuzz: FuzzTarget = {
  name: 'proxy',
  maxBytes: 1024,
  seeds: () => [
    header('10.0.0.1:1234', '10.0.0.2:80'),
    header('[2001:db8::1]:1234', '[2001:db8::2]:80'),
    header('10.0.0.1:1', '[::1]:80'),
    header('10.0.0.1:1', '10.0.0.2:80', new Map([[ProxyTlv.CLIENT_IDENTITY, Buffer.from('spiffe://a/ns/b/sa/c')]])),
    Buffer.concat([header('10.0.0.1:1', '10.0.0.2:80'), Buffer.from('what follows')]),
    Buffer.concat([SIGNATURE, Buffer.from('20000000', 'hex')]),
  ],
  words: [
    SIGNATURE,
    ...['21', '20', '11', '12', '21', '000c', '0024', 'd00004', 'ffff'].map((hex) => Buffer.from(hex, 'hex')),
  ],
  run: (input) => {
    const decoded = decodeProxyHeader(input);
    if (!decoded.ok) return decoded.error.replace(/\d+/g, 'N');
    if (decoded.value === null) return 'more is needed';
    const { header: found, length } = decoded.value;
    if (length > input.length || length < 16) throw new Error(`a header of ${length} bytes in ${input.length}`);
    let tlvBytes = 0;
    for (const value of found.tlvs.values()) tlvBytes += value.length + 3;
    if (tlvBytes > length) throw new Error('more in the TLVs than in the header');
    if (found.source === null || found.destination === null) return `no addresses ${found.tlvs.size > 0}`;
    // An IPv4 address in IPv6 form is read as IPv4; with one of each kind, a header carries no addresses.
    if (found.source.ip.family !== found.destination.ip.family) return 'mixed families';
    const again = decodeProxyHeader(Buffer.from(encodeProxyHeader({ ...found, source: found.source })));
    const same =
      again.ok &&
      again.value !== null &&
      again.value.header.source !== null &&
      formatSocketAddress(again.value.header.source) === formatSocketAddress(found.source);
    if (!same) throw new Error('written and read again it is something else');
    return `${found.source.ip.family} ${Math.min(3, found.tlvs.size)}`;
  },
};
