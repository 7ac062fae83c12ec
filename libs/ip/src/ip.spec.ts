import fc from 'fast-check';
import { cidrContains, formatSocketAddress, ipFromBytes, parseCidr, parseIp, parseSocketAddress } from './index.js';

describe('parseIp', () => {
  it.each([
    '010.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.4/8',
    'fe80::1%eth0',
    '',
    ' 1.2.3.4',
    '[::1]',
    '0x7f.1',
  ])('refuses %j: it must never reach a policy as some other address', (text) => expect(parseIp(text)).toBeNull());
  it('folds IPv4-mapped IPv6, so one host has one spelling', () => {
    expect(parseIp('::ffff:10.1.2.3')).toEqual(parseIp('10.1.2.3'));
  });
  it('prints IPv6 as RFC 5952 does', () => {
    expect(parseIp('2001:DB8:0:0:1:0:0:1')?.text).toBe('2001:db8::1:0:0:1');
  });
});

describe('parseCidr', () => {
  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/08', 'fd00::/129', 'x/8', '10.0.0.0/8/8'])(
    'refuses %j',
    (text) => expect(parseCidr(text)).toBeNull(),
  );
  it('clears host bits', () => expect(parseCidr('10.1.2.3/8')?.text).toBe('10.0.0.0/8'));
  it('does not match across families', () => {
    expect(cidrContains(parseCidr('0.0.0.0/0')!, parseIp('::1')!)).toBe(false);
  });
});

describe('properties', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  it('parse of print is the same address', () => {
    fc.assert(
      fc.property(bytes, (raw) => {
        const ip = ipFromBytes(raw)!;
        expect(parseIp(ip.text)).toEqual(ip);
      }),
    );
  });
  it('a CIDR holds exactly the addresses that share its prefix bits', () => {
    const bits = (raw: Uint8Array) => Array.from(raw, (byte) => byte.toString(2).padStart(8, '0')).join('');
    const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(v4, v4, fc.integer({ min: 0, max: 32 }), (a, b, length) => {
        const cidr = parseCidr(`${ipFromBytes(a)!.text}/${length}`)!;
        expect(cidrContains(cidr, ipFromBytes(b)!)).toBe(bits(a).slice(0, length) === bits(b).slice(0, length));
      }),
    );
  });
  it('socket addresses round-trip', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 65_535 }), (raw, port) => {
        const address = { ip: ipFromBytes(raw)!, port };
        expect(parseSocketAddress(formatSocketAddress(address))).toEqual(address);
      }),
    );
  });
  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseIp(text);
        parseCidr(text);
        parseSocketAddress(text);
      }),
    );
  });
});
