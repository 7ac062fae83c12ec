import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { archiveOf } from '../testing/archive-of.js';
import { unpackedModule } from './unpacked-module.js';

const MAX = 1024 * 1024;
const moduleOf = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0x61, 0x73, 0x6d]), Buffer.from(text)]);

describe('a module', () => {
  it('comes as it is, in an archive, or compressed', async () => {
    const module = moduleOf('x'.repeat(700));
    const archive = archiveOf({
      'etc/': '',
      'README.md': 'read me',
      'other.wasm': moduleOf('y'),
      './plugin.wasm': module,
    });
    for (const bytes of [module, archive, gzipSync(module), gzipSync(archive)])
      expect(await unpackedModule(bytes, MAX)).toEqual({ ok: true, value: module });
    expect(await unpackedModule(archiveOf({ 'first.wasm': module }), MAX)).toEqual({ ok: true, value: module });
  });

  it('is none in other bytes; what grows too large is not decompressed', async () => {
    const none = { ok: false, error: 'is no WebAssembly module, and no archive with one' };
    expect(await unpackedModule(Buffer.from('<html>'), MAX)).toEqual(none);
    expect(await unpackedModule(archiveOf({ 'plugin.wasm': 'text' }), MAX)).toEqual(none);
    expect(await unpackedModule(gzipSync(moduleOf('0'.repeat(MAX))), MAX)).toMatchObject({
      ok: false,
      error: expect.stringContaining('cannot be decompressed') as string,
    });
    expect(await unpackedModule(gzipSync(moduleOf('x')).subarray(0, 12), MAX)).toMatchObject({ ok: false });
  });

  it('is found among any files, and never outside of the archive', async () => {
    const name = fc.stringMatching(/^[a-z]{1,20}$/);
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, fc.string()), fc.string(), async (files, text) => {
        const value = moduleOf(text);
        expect(await unpackedModule(archiveOf({ ...files, 'plugin.wasm': value }), MAX)).toEqual({ ok: true, value });
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2048 }), fc.nat(2047), async (bytes, at) => {
        const archive = archiveOf({ 'a.wasm': moduleOf('abc'), 'b.txt': 'x' });
        Buffer.from(bytes).copy(archive, at);
        await unpackedModule(archive.subarray(0, archive.length - at), MAX);
        await unpackedModule(Buffer.from(bytes), MAX);
      }),
    );
  });
});
