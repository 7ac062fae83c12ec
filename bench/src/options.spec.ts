import fc from 'fast-check';
import { parseOptions } from './options.js';

it('without a name, all suites run', () => {
  expect(parseOptions(['--quick'])).toMatchObject({
    ok: true,
    value: { suites: ['l4', 'cluster', 'ca'], quick: true },
  });
});
it('a pair is a name and two commands', () => {
  expect(parseOptions(['l4', '--peer', 'mine=socat a b, tunnel -x=1,2'])).toMatchObject({
    ok: true,
    value: { suites: ['l4'], pairs: [{ name: 'mine', source: 'socat a b', destination: 'tunnel -x=1,2' }] },
  });
});
it('both paths are measured, the first alone when there is little time', () => {
  expect(parseOptions(['l4'])).toMatchObject({ value: { paths: ['loopback', 'redirected'] } });
  expect(parseOptions(['l4', '--quick'])).toMatchObject({ value: { paths: ['loopback'] } });
  expect(parseOptions(['l4', '--quick', '--path', 'redirected'])).toMatchObject({ value: { paths: ['redirected'] } });
});
it('an earlier ztunnel is a peer once it is given', () => {
  const argv = ['l4', '--only', 'weft-before'];
  expect(parseOptions(argv).ok).toBe(false);
  expect(parseOptions([...argv, '--before', '../old'])).toMatchObject({ value: { before: '../old' } });
});
it.each([
  [['l8'], 'there is no suite l8'],
  [['l4', '--load', 'bulk'], '--load bulk: there are bulk-1, bulk-64'],
  [['l4', '--peer', 'mine'], '--peer mine: want name=source-command,destination-command'],
  [['l4', '--peer', 'Mine=a,b'], '--peer Mine=a,b: want'],
  [['l4', '--only', 'weft,haproxy'], '--only weft,haproxy: there are direct, weft, weft-portable'],
  [['l4', '--path', 'direct'], '--path direct: there are loopback, redirected'],
  [['--fast'], '--fast'],
  [['soak', '--minutes', 'ten'], '--minutes ten: want a whole number'],
])('%j is refused with the reason', (argv, reason) => {
  expect(parseOptions(argv)).toMatchObject({ ok: false, error: expect.stringContaining(reason) as string });
});
it('never throws', () => {
  fc.assert(fc.property(fc.array(fc.string()), (argv) => typeof parseOptions(argv).ok === 'boolean'));
});
