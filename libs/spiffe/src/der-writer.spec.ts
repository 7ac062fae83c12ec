import fc from 'fast-check';
import { readDerElements } from './der-reader.js';
import { der, oid, time } from './der-writer.js';

describe('DER', () => {
  it('that is written is read back, whatever its length', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(70_000).map((length) => new Uint8Array(length)),
    );
    fc.assert(
      fc.property(fc.nat(0x1e), fc.array(content, { maxLength: 3 }), (tag, parts) => {
        const bytes = der(tag, ...parts);
        const length = parts.reduce((sum, part) => sum + part.length, 0);
        const start = bytes.length - length;
        expect(readDerElements(bytes, 0, bytes.length)).toEqual([{ tag, start, end: bytes.length }]);
        expect(bytes.subarray(start).equals(Buffer.concat(parts))).toBe(true);
      }),
    );
  });

  it.each([
    ['1.2.840.113549.1.1.11', '06092a864886f70d01010b'],
    ['2.5.29.17', '0603551d11'],
    ['1.3.132.0.34', '06052b81040022'],
  ])('writes object identifier %s', (dotted, hex) => {
    expect(oid(dotted).toString('hex')).toBe(hex);
  });

  it.each([
    ['2026-01-02T03:04:05.999Z', 0x17, '260102030405Z'],
    ['2049-12-31T23:59:59Z', 0x17, '491231235959Z'],
    ['2050-01-01T00:00:00Z', 0x18, '20500101000000Z'],
  ])('writes %s as RFC 5280 4.1.2.5 wants it', (text, tag, want) => {
    const bytes = time(Date.parse(text));
    expect([bytes[0], bytes.subarray(2).toString()]).toEqual([tag, want]);
  });
});
