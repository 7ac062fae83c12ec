import { parseManifest, postgresUid } from './manifests.js';

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
