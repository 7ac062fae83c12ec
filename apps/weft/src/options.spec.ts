import fc from 'fast-check';
import { parseOptions } from './options.js';

describe('parseOptions', () => {
  it('fills in what is not said', () => {
    expect(parseOptions(['up', '--once'])).toEqual({
      ok: true,
      value: {
        command: 'up',
        name: 'weft',
        nodes: 2,
        ipFamily: 'ipv4',
        once: true,
        json: false,
        keep: false,
        demo: true,
        mesh: true,
        images: undefined,
        rest: [],
      },
    });
  });
  it.each([
    [['upp'], 'unknown command "upp"'],
    [['up', '--nodes', 'many'], '--nodes many: want a number'],
    [['up', '--nodes', '1'], 'the demo needs two nodes'],
    [['up', '--name', 'A/B'], '--name A/B'],
    [['up', '--ip-family', '5'], '--ip-family 5: want ipv4, ipv6, dual'],
    [['up', '--onec'], '--onec'],
  ])('%j is refused with the reason', (argv, reason) => {
    expect(parseOptions(argv)).toMatchObject({ ok: false, error: expect.stringContaining(reason) as string });
  });
  it('bench gets its options as they are', () => {
    const rest = ['l4', '--peer', 'a=b,c', '--quick'];
    expect(parseOptions(['bench', ...rest])).toMatchObject({ ok: true, value: { command: 'bench', rest } });
  });
  it('never throws', () => {
    fc.assert(fc.property(fc.array(fc.string()), (argv) => typeof parseOptions(['up', ...argv]).ok === 'boolean'));
  });
});
