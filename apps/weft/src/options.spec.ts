import fc from 'fast-check';
import { parseOptions } from './options.js';
import { parseManifest, postgresUid } from './mesh/manifests.js';

describe('parseOptions', () => {
  it('fills in what is not said', () => {
    expect(parseOptions(['up', '--once'])).toEqual({
      ok: true,
      value: {
        command: 'up',
        name: 'weft',
        nodes: 2,
        once: true,
        json: false,
        keep: false,
        demo: true,
        mesh: true,
        quick: false,
        rest: [],
      },
    });
  });
  it.each([
    [['upp'], 'unknown command "upp"'],
    [['up', '--nodes', 'many'], '--nodes many: want a number'],
    [['up', '--nodes', '1'], 'the demo needs two nodes'],
    [['up', '--name', 'A/B'], '--name A/B'],
    [['up', '--onec'], '--onec'],
  ])('%j is refused with the reason', (argv, reason) => {
    expect(parseOptions(argv)).toMatchObject({ ok: false, error: expect.stringContaining(reason) as string });
  });
  it('never throws', () => {
    fc.assert(fc.property(fc.array(fc.string()), (argv) => typeof parseOptions(['up', ...argv]).ok === 'boolean'));
  });
});

describe('parseManifest', () => {
  it('fills in the given values and leaves shell variables alone', () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { x: "${node} ${HOME}" }\n---\n';
    expect(parseManifest(text, 'f', { node: '/n' })).toMatchObject([{ data: { x: '/n ${HOME}' } }]);
  });
  it.each([
    ['a: [', 'f.yaml'],
    ['kind: Pod\n', 'f.yaml: a document lacks apiVersion'],
  ])('%j is refused with the file name', (text, reason) => {
    expect(() => parseManifest(text, 'f.yaml', {})).toThrow(reason);
  });
});

it('postgresUid is the one of /etc/passwd', () => {
  expect(postgresUid('root:x:0:0::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n')).toBe('101');
  expect(postgresUid('')).toBe('65534');
});
