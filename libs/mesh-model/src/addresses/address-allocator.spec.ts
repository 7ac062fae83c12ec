import fc from 'fast-check';
import { cidrContains, parseCidr, parseIp } from '@weft/ip';
import { AddressAllocator } from './address-allocator.js';
import { AUTOMATIC_RANGES } from './address-range.js';
import type { AddressRequest } from './address-needs.js';

/** `age`: the smaller, the older. */
function request(
  name: string,
  {
    hosts = [`${name}.test`],
    held = {},
    age = 0,
  }: { hosts?: string[]; held?: Record<string, string[]>; age?: number } = {},
): AddressRequest {
  const createdAt = `2026-01-01T00:00:${String(age).padStart(2, '0')}Z`;
  const meta = { name, namespace: 'ns', uid: '', createdAt, generation: 1, labels: {}, annotations: {} };
  const ips = Object.entries(held).map(([host, texts]) => [host, texts.map((text) => parseIp(text)!)] as const);
  return { key: `ns/${name}`, meta, hosts, held: new Map(ips), written: [] };
}

const FOUR = parseCidr('240.240.0.0/29')!;
const allocator = () => new AddressAllocator([FOUR]);
const valuesOf = (from: AddressAllocator, name: string) => from.addressesOf(`ns/${name}`).map(({ value }) => value);
const reservation = (key: string, ...texts: string[]) => ({
  key,
  addresses: texts.map((text) => {
    const { base, prefixLength } = parseCidr(text)!;
    return { network: '', ip: base, ...(text.includes('/') && { length: prefixLength }) };
  }),
});

describe('AddressAllocator', () => {
  it('gives each host one IPv4 address of 240.240.0.0/16 and one IPv6 address of 2001:2::/48', () => {
    const all = new AddressAllocator(AUTOMATIC_RANGES);
    all.apply({ requests: [request('a', { hosts: ['x.test', 'y.test'] })] });
    const given = all.addressesOf('ns/a');
    expect(given.map(({ host }) => host)).toEqual(['x.test', 'x.test', 'y.test', 'y.test']);
    expect(new Set(given.map(({ value }) => value)).size).toBe(4);
    given.forEach(({ value }, i) => expect(cidrContains(AUTOMATIC_RANGES[i % 2]!, parseIp(value)!)).toBe(true));
  });

  it('what is seen for the first time keeps what stands in its status: addresses survive a restart', () => {
    const all = allocator();
    all.apply({ requests: [request('a', { held: { 'a.test': ['240.240.0.6'] } })] });
    expect(valuesOf(all, 'a')).toEqual(['240.240.0.6']);
  });

  it('and is kept before anybody else is given something', () => {
    const fresh = ['b', 'c', 'd', 'e', 'f'].map((name) => request(name));
    const all = allocator();
    all.apply({ requests: [...fresh, request('z', { age: 9, held: { 'z.test': ['240.240.0.3'] } })] });
    expect(valuesOf(all, 'z')).toEqual(['240.240.0.3']);
  });

  it('a status that says otherwise later, nonsense or not, changes nothing', () => {
    const all = allocator();
    all.apply({ requests: [request('a', { held: { 'a.test': ['240.240.0.6'] } })] });
    all.apply({ requests: [request('a', { held: { 'a.test': ['240.240.0.1'] } })] });
    expect(valuesOf(all, 'a')).toEqual(['240.240.0.6']);
  });

  it.each([['at once'], ['one after the other']])(
    'of two that hold one address the older entry keeps it (%s)',
    (how) => {
      const held = ['240.240.0.2'];
      const young = request('young', { age: 5, held: { 'young.test': held } });
      const old = request('old', { age: 1, held: { 'old.test': held } });
      const all = allocator();
      if (how === 'at once') all.apply({ requests: [young, old] });
      else {
        all.apply({ requests: [young] });
        expect(all.apply({ requests: [old] })).toEqual(new Set(['ns/old', 'ns/young']));
      }
      expect(valuesOf(all, 'old')).toEqual(held);
      expect(valuesOf(all, 'young')).not.toEqual(held);
      expect(valuesOf(all, 'young')).toHaveLength(1);
    },
  );

  it('two hosts of one entry never share an address', () => {
    const all = allocator();
    const held = { 'x.test': ['240.240.0.2'], 'y.test': ['240.240.0.2'] };
    all.apply({ requests: [request('a', { hosts: ['x.test', 'y.test'], held })] });
    expect(new Set(valuesOf(all, 'a')).size).toBe(2);
  });

  it('what somebody wrote into a specification is given to nobody, and taken from whoever has it', () => {
    const all = allocator();
    all.apply({ requests: [request('a', { held: { 'a.test': ['240.240.0.2'] } })] });
    expect(all.apply({ reserved: [reservation('x', '240.240.0.2')] })).toEqual(new Set(['ns/a']));
    expect(valuesOf(all, 'a')).not.toContain('240.240.0.2');
    all.apply({ reserved: [reservation('x', '240.240.0.0/30')] });
    expect(['240.240.0.4', '240.240.0.5', '240.240.0.6']).toContain(valuesOf(all, 'a')[0]);
  });

  it('an entry that is gone, a host that is gone, a reservation that is gone: their addresses go to who waits', () => {
    const all = allocator();
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'late', 'later', 'last'];
    all.apply({ reserved: [reservation('x', '240.240.0.1')] });
    all.apply({ requests: names.map((name, age) => request(name, { age })) });
    expect(['late', 'later', 'last', 'f'].filter((name) => all.isShort(`ns/${name}`))).toHaveLength(4);
    expect(all.apply({ released: ['ns/a'] })).toContain('ns/f');
    expect(valuesOf(all, 'f')).toHaveLength(1);
    all.apply({ requests: [request('b', { hosts: [] })] });
    expect(valuesOf(all, 'late')).toHaveLength(1);
    all.apply({ reserved: [{ key: 'x', addresses: [] }] });
    expect(valuesOf(all, 'later')).toEqual(['240.240.0.1']);
    expect(all.isShort('ns/last')).toBe(true);
  });
});

describe('properties', () => {
  const text = fc.integer({ min: 0, max: 7 }).map((n) => `240.240.0.${n}`);
  const change = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      name: fc.constantFrom('a', 'b', 'c'),
      hosts: fc.subarray(['x', 'y']),
      held: fc.dictionary(fc.constantFrom('x', 'y'), fc.array(text, { minLength: 1, maxLength: 1 })),
      age: fc.integer({ min: 0, max: 3 }),
    }),
    fc.record({ kind: fc.constant('gone' as const), name: fc.constantFrom('a', 'b', 'c') }),
    fc.record({
      kind: fc.constant('reserve' as const),
      key: fc.constantFrom('r', 's'),
      texts: fc.array(text, { maxLength: 2 }),
    }),
  );

  it('whatever happens: nobody shares, nothing reserved is given, whoever was not told of a change has what he had, no free address while one waits', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const all = allocator();
        const reserved = new Map<string, readonly string[]>();
        let before = new Map<string, readonly string[]>();
        for (const one of changes) {
          const changed = all.apply(
            one.kind === 'set'
              ? { requests: [request(one.name, one)] }
              : one.kind === 'gone'
                ? { released: [`ns/${one.name}`] }
                : { reserved: [reservation(one.key, ...one.texts)] },
          );
          if (one.kind === 'reserve') reserved.set(one.key, one.texts);
          const after = new Map(['a', 'b', 'c'].map((name) => [name, valuesOf(all, name)]));
          const given = [...after.values()].flat();
          const forbidden = new Set([...reserved.values()].flat());
          expect(new Set(given).size).toBe(given.length);
          expect(given.filter((value) => forbidden.has(value) || !/\.[1-6]$/.test(value))).toEqual([]);
          for (const [name, values] of before)
            if (!changed.has(`ns/${name}`) && !(one.kind === 'gone' && one.name === name))
              expect(after.get(name)).toEqual(values);
          const free = [1, 2, 3, 4, 5, 6].filter(
            (n) => !given.includes(`240.240.0.${n}`) && !forbidden.has(`240.240.0.${n}`),
          );
          if (['a', 'b', 'c'].some((name) => all.isShort(`ns/${name}`))) expect(free).toEqual([]);
          before = after;
        }
      }),
    );
  });

  it('a successor that knows just the status gives to everybody what the one before gave', () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
    fc.assert(
      fc.property(names, (order) => {
        const first = allocator();
        for (const name of order) first.apply({ requests: [request(name)] });
        const second = allocator();
        second.apply({
          requests: [...order]
            .reverse()
            .map((name) => request(name, { held: { [`${name}.test`]: valuesOf(first, name) } })),
        });
        for (const name of order) expect(valuesOf(second, name)).toEqual(valuesOf(first, name));
      }),
    );
  });
});
