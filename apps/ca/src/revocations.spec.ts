import fc from 'fast-check';
import { readRevocations } from './revocations.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

describe('readRevocations', () => {
  it('reads serial numbers as tools print them, identities with and without a time, and comments', () => {
    const data = {
      serials: '# stolen laptop\n4F:2a:00:01\n\n00ff # leading zeros do not count\n',
      identities: `${WEB}\nspiffe://cluster.local/ns/shop/sa/db before 2026-01-02T03:04:05Z # ticket 7\n`,
    };
    expect(readRevocations({ data })).toEqual({
      serials: ['4f2a0001', 'ff'],
      identities: [
        { spiffeId: 'spiffe://cluster.local/ns/shop/sa/db', issuedBeforeMs: Date.UTC(2026, 0, 2, 3, 4, 5) },
        { spiffeId: WEB, issuedBeforeMs: null },
      ],
      problems: [],
    });
  });

  it.each([
    [{ serials: 'zz' }, 'serials, line 1: want a serial number in hexadecimal'],
    [{ serials: 'ab before 2026-01-01T00:00:00Z' }, 'serials, line 1: want a serial number in hexadecimal'],
    [{ serials: 'a'.repeat(42) }, 'serials, line 1: want a serial number in hexadecimal'],
    [{ identities: '\nweb' }, 'identities, line 2: invalid SPIFFE ID "web": must start with spiffe://'],
    [{ identities: `${WEB} before yesterday` }, 'identities, line 1: "yesterday" is not a time'],
    [{ identities: `${WEB} and others` }, 'identities, line 1: invalid SPIFFE ID'],
    [{ serial: 'ab' }, 'key "serial" is not known: want serials or identities'],
  ])('names what it cannot read in %j, and the other lines count', (bad, problem) => {
    const data: Record<string, string> = { ...bad };
    data['serials'] = `${data['serials'] ?? ''}\nc0ffee`;
    const read = readRevocations({ data });
    expect(read.problems[0]).toContain(problem);
    expect(read.serials).toContain('c0ffee');
  });

  it('takes back more where two lines speak of one identity', () => {
    const early = `${WEB} before 2026-01-01T00:00:00Z`;
    const late = `${WEB} before 2026-02-01T00:00:00Z`;
    const of = (...lines: string[]) => readRevocations({ data: { identities: lines.join('\n') } }).identities[0];
    expect(of(late, early)?.issuedBeforeMs).toBe(Date.UTC(2026, 1, 1));
    expect(of(early, WEB, late)?.issuedBeforeMs).toBeNull();
  });

  it('throws at nothing', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (serials, identities) => void readRevocations({ data: { serials, identities } }),
      ),
    );
  });
});
