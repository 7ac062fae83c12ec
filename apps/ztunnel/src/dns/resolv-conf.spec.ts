import * as fc from 'fast-check';
import { parseNameservers } from './resolv-conf.js';

const read = (text: string) => parseNameservers(text).map(({ text: it }) => it);

describe('parseNameservers', () => {
  it.each([
    ['the usual one of a pod', 'search a.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n', ['10.96.0.10']],
    ['spaces and tabs', '  nameserver\t 10.0.0.1  \nnameserver fd00::a', ['10.0.0.1', 'fd00::a']],
    [
      'comments and nonsense',
      '# nameserver 1.1.1.1\n;nameserver 1.1.1.1\nnameserver\nnameserver x\nNameserver 1.1.1.1',
      [],
    ],
    ['an address with a zone is left out', 'nameserver fe80::1%eth0\nnameserver 10.0.0.1', ['10.0.0.1']],
    [
      'three at most',
      'nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4',
      ['1.0.0.1', '1.0.0.2', '1.0.0.3'],
    ],
  ])('%s', (_rule, text, want) => expect(read(text)).toEqual(want));

  it('never throws', () => fc.assert(fc.property(fc.string(), (text) => expect(read(text).length).toBeLessThan(4))));
});
