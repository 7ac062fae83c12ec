import fc from 'fast-check';
import { extensionConfig } from '../testing/extension-configs.js';
import { readWasmExtension } from './wasm-extension.js';

const variables = (policy: string) => ({
  ISTIO_META_WASM_IMAGE_PULL_POLICY: policy,
  ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: '7',
});
const CHECKSUM = 'ab'.repeat(32);

describe('the configuration of a module', () => {
  it.each([
    ['oci://r.example/a:1', 'UNSPECIFIED_POLICY', '', ''],
    ['oci://r.example/a:1', 'Always', '', '7'],
    ['oci://r.example/a:latest', 'UNSPECIFIED_POLICY', '', '7'],
    ['oci://r.example:5000/a', 'UNSPECIFIED_POLICY', '', '7'],
    ['oci://r.example:5000/a', 'IfNotPresent', '', ''],
    [`oci://r.example/a@sha256:${CHECKSUM}`, 'UNSPECIFIED_POLICY', '', ''],
    ['oci://r.example/a:latest', 'Always', CHECKSUM, ''],
    ['https://r.example/a.wasm', 'UNSPECIFIED_POLICY', '', ''],
  ])('%s with policy %s and checksum "%s" is pull "%s" of it', (url, policy, sha256, pull) => {
    const read = readWasmExtension(extensionConfig({ name: 'x', url, sha256, variables: variables(policy) }));
    expect(read?.module).toEqual({ url, sha256, pullSecret: null, pull });
  });

  it('never fails, whatever the bytes', () => {
    const good = Buffer.from(extensionConfig({ name: 'x', url: 'oci://r.example/a:1' }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(good.length), (bytes, at) => {
        readWasmExtension(bytes);
        const broken = Buffer.from(good);
        broken.set(bytes.subarray(0, broken.length - at), at);
        readWasmExtension(broken)?.loadedFrom('/x.wasm');
        readWasmExtension(broken)?.standIn();
      }),
    );
  });
});
