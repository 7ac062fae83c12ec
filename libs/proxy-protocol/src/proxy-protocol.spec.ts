import { ipFromBytes, parseSocketAddress, type SocketAddress } from '@weft/ip';
import fc from 'fast-check';
import { decodeProxyHeader, encodeProxyHeader, MAX_HEADER_BYTES, ProxyTlv, type ProxyHeader } from './index.js';

const at = (text: string): SocketAddress => parseSocketAddress(text)!;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const header = (fields: Partial<ProxyHeader>): ProxyHeader => ({
  source: null,
  destination: null,
  tlvs: new Map(),
  ...fields,
});

describe('encodeProxyHeader', () => {
  it('writes version 2, command PROXY, TCP over IPv4, addresses and ports in network order', () => {
    const bytes = encodeProxyHeader(header({ source: at('10.0.0.1:4000'), destination: at('10.96.0.1:80') }));
    expect(hex(bytes)).toBe(`${SIGNATURE}2111000c0a0000010a6000010fa00050`);
  });
  it('writes TCP over IPv6', () => {
    const bytes = encodeProxyHeader(header({ source: at('[::1]:1'), destination: at('[fd00::2]:2') }));
    const [source, destination] = [`${'0'.repeat(31)}1`, `fd00${'0'.repeat(27)}2`];
    expect(hex(bytes)).toBe(`${SIGNATURE}21210024${source}${destination}00010002`);
  });
  it('says UNSPEC for mixed families, and keeps the extra fields', () => {
    const tlvs = new Map([[ProxyTlv.CLIENT_IDENTITY, Buffer.from('id')]]);
    const bytes = encodeProxyHeader({ source: at('10.0.0.1:4000'), destination: at('[::1]:80'), tlvs });
    expect(hex(bytes)).toBe(`${SIGNATURE}21000005d000026964`);
  });
  it('throws when the extra fields do not fit', () => {
    const tlvs = new Map([[0xee, new Uint8Array(0xffff)]]);
    expect(() => encodeProxyHeader(header({ tlvs }))).toThrow(RangeError);
  });
});

describe('decodeProxyHeader', () => {
  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'byte 0 is not of the PROXY v2 signature'],
    ['version 1', Buffer.from('PROXY TCP4 1.2.3.4 '), 'byte 0 is not of the PROXY v2 signature'],
    ['version 3', Buffer.from(`${SIGNATURE}31110000`, 'hex'), 'unknown PROXY version 3'],
    ['an unknown command', Buffer.from(`${SIGNATURE}22110000`, 'hex'), 'unknown PROXY command 2'],
    ['UDP', Buffer.from(`${SIGNATURE}21120000`, 'hex'), 'PROXY family and transport 0x12 is not TCP over IPv4 or IPv6'],
    [
      'addresses that do not fit',
      Buffer.from(`${SIGNATURE}2111000400000000`, 'hex'),
      'the PROXY header is too short for its addresses',
    ],
    [
      'an extra field that does not fit',
      Buffer.from(`${SIGNATURE}21000004d00002aa`, 'hex'),
      'a PROXY extra field is longer than the header',
    ],
  ])('%s is an error', (_what, bytes, error) => expect(decodeProxyHeader(bytes)).toEqual({ ok: false, error }));

  it('LOCAL has no addresses, whatever it carries', () => {
    const bytes = Buffer.from(`${SIGNATURE}2011000c0a0000010a6000010fa00050`, 'hex');
    expect(decodeProxyHeader(bytes)).toEqual({ ok: true, value: { header: header({}), length: 28 } });
  });
});

describe('properties', () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const socket = (family: 4 | 6): fc.Arbitrary<SocketAddress> => {
    const length = family === 4 ? 4 : 16;
    return fc
      .record({ bytes: fc.uint8Array({ minLength: length, maxLength: length }), port })
      .map((it) => ({ ip: ipFromBytes(it.bytes)!, port: it.port }))
      .filter(({ ip }) => ip.family === family);
  };
  const pair = fc.oneof(
    fc.record({ source: socket(4), destination: socket(4) }),
    fc.record({ source: socket(6), destination: socket(6) }),
    fc.constant({ source: null, destination: null }),
  );
  const tlvs = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 300 })), { maxLength: 6 })
    .map((entries) => new Map(entries));

  it('what is written is read back, and the stream begins right behind it', () => {
    fc.assert(
      fc.property(pair, tlvs, fc.uint8Array(), (addresses, extra, stream) => {
        const bytes = encodeProxyHeader({ ...addresses, tlvs: extra });
        const decoded = decodeProxyHeader(Buffer.concat([bytes, stream]));
        expect(decoded).toMatchObject({ ok: true, value: { length: bytes.length } });
        const read = decoded.ok ? decoded.value!.header : null;
        expect({ ...addresses }).toEqual({ source: read?.source, destination: read?.destination });
        expect([...read!.tlvs].map(([type, value]) => [type, hex(value)])).toEqual(
          [...extra].map(([type, value]) => [type, hex(value)]),
        );
      }),
    );
  });
  it('every beginning of a header asks for more', () => {
    fc.assert(
      fc.property(pair, tlvs, fc.nat(), (addresses, extra, cut) => {
        const bytes = encodeProxyHeader({ ...addresses, tlvs: extra });
        expect(decodeProxyHeader(bytes.subarray(0, cut % bytes.length))).toEqual({ ok: true, value: null });
      }),
    );
  });
  it('any bytes give an answer and never more than the longest header', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((rest) => Buffer.concat([Buffer.from(SIGNATURE, 'hex'), rest])),
    );
    fc.assert(
      fc.property(noise, (bytes) => {
        const decoded = decodeProxyHeader(bytes);
        if (decoded.ok && decoded.value !== null) expect(decoded.value.length).toBeLessThanOrEqual(MAX_HEADER_BYTES);
      }),
    );
  });
});
