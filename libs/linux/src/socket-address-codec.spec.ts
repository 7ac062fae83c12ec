import { formatSocketAddress, ipFromBytes, parseSocketAddress } from '@weft/ip';
import fc from 'fast-check';
import { decodeSocketAddress, encodeSocketAddress } from './socket-address-codec.js';

const roundTrip = (text: string, family: 4 | 6): string => {
  const bytes = Buffer.alloc(64, 0xee);
  const length = encodeSocketAddress(bytes, parseSocketAddress(text)!, family);
  return formatSocketAddress(decodeSocketAddress(bytes, length)!);
};

describe('socket addresses', () => {
  it.each([
    ['10.1.2.3:65535', 4],
    ['10.1.2.3:80', 6],
    ['[2001:db8::1]:15008', 6],
  ] as const)('%s survives the trip through a family %s sockaddr', (text, family) => {
    expect(roundTrip(text, family)).toBe(text);
  });

  it('writes IPv4 in its mapped form for an IPv6 socket', () => {
    const bytes = Buffer.alloc(64);
    encodeSocketAddress(bytes, parseSocketAddress('1.2.3.4:1')!, 6);
    expect(bytes.subarray(8, 24).toString('hex')).toBe('00000000000000000000ffff01020304');
  });

  it('refuses IPv6 for an IPv4 socket', () => {
    expect(() => encodeSocketAddress(Buffer.alloc(64), parseSocketAddress('[::1]:1')!, 4)).toThrow(RangeError);
  });
});

describe('properties', () => {
  it('decode of encode is the same address', () => {
    const address = fc.record({
      ip: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipFromBytes(bytes)!),
      port: fc.integer({ min: 0, max: 65_535 }),
    });
    fc.assert(
      fc.property(address, ({ ip, port }) => {
        const text = formatSocketAddress({ ip, port });
        expect(roundTrip(text, 6)).toBe(text);
      }),
    );
  });

  it('decoding never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0, max: 64 }), (bytes, length) => {
        decodeSocketAddress(Buffer.from(bytes), length);
      }),
    );
  });
});
