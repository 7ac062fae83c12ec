import fc from 'fast-check';
import { parseImageReference } from './image-reference.js';

const DIGEST = `sha256:${'a1'.repeat(32)}`;

describe('the address of an image', () => {
  it.each([
    ['oci://ghcr.io/istio/auth:1.2', 'ghcr.io', 'istio/auth', '1.2', null],
    ['localhost:5000/auth', 'localhost:5000', 'auth', 'latest', null],
    ['OCI://127.0.0.1:5000/a/b/c:v1', '127.0.0.1:5000', 'a/b/c', 'v1', null],
    [`oci://ghcr.io/auth@${DIGEST}`, 'ghcr.io', 'auth', 'latest', DIGEST],
    [`oci://ghcr.io/auth:1@${DIGEST}`, 'ghcr.io', 'auth', '1', DIGEST],
    ['oci://auth', 'registry-1.docker.io', 'library/auth', 'latest', null],
    ['oci://docker.io/team/auth', 'registry-1.docker.io', 'team/auth', 'latest', null],
  ])('%s', (url, registry, repository, tag, digest) => {
    expect(parseImageReference(url)).toEqual({ ok: true, value: { registry, repository, tag, digest } });
  });

  it.each(['oci://', 'oci://ghcr.io/', 'oci://ghcr.io/Auth', 'oci://ghcr.io/auth:', 'oci://ghcr.io/../auth', 'oci://gh cr.io/a', 'oci://ghcr.io/a@sha256:12', `oci://ghcr.io/a@${DIGEST}@${DIGEST}`, 'oci://user:pw@ghcr.io/a'])(
    '%s is none',
    (url) => expect(parseImageReference(url).ok).toBe(false),
  ); // prettier-ignore

  it('is put together as it was taken apart, and nothing else gets into an address of the registry', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    fc.assert(
      fc.property(part, fc.array(part, { minLength: 1, maxLength: 3 }), part, (host, path, tag) => {
        const registry = `${host}.example.com:5000`;
        const value = { registry, repository: path.join('/'), tag, digest: null };
        expect(parseImageReference(`oci://${registry}/${value.repository}:${tag}`)).toEqual({ ok: true, value });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parseImageReference(text);
        if (!read.ok) return;
        const { registry, repository, tag } = read.value;
        const { pathname, host } = new URL(`https://${registry}/v2/${repository}/manifests/${tag}`);
        expect([pathname, host]).toEqual([`/v2/${repository}/manifests/${tag}`, registry.toLowerCase()]);
      }),
    );
  });
});
