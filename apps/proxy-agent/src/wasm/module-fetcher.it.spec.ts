import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { proxyWasmModule } from '@weft/testing-fixtures';
import { archiveOf } from '../testing/archive-of.js';
import { OciRegistry } from '../testing/oci-registry.js';
import { fetchModule, type WantedModule } from './module-fetcher.js';

const ARTIFACT = 'application/vnd.module.wasm.content.layer.v1+wasm';
const DOCKER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const OCI = 'application/vnd.oci.image.layer.v1.tar+gzip';

describe('fetching a module', () => {
  let registry: OciRegistry;
  let module: Buffer;
  beforeAll(async () => (module = await proxyWasmModule({ tag: 'a' })));
  beforeEach(async () => (registry = await OciRegistry.start()));
  afterEach(() => registry.stop());

  const fetched = (url: string, more: Partial<WantedModule> = {}, insecure = [registry.host]) =>
    fetchModule({ url, sha256: '', pullSecret: null, ...more }, { timeoutMs: 20_000, insecureRegistries: insecure });
  const image = (tag: string, repository = 'team/auth'): string => `oci://${registry.host}/${repository}:${tag}`;

  it.each([
    ['an artifact', ARTIFACT, (bytes: Buffer) => bytes],
    ['an image of docker', DOCKER, (bytes: Buffer) => gzipSync(archiveOf({ 'plugin.wasm': bytes }))],
    ['an image of OCI', OCI, (bytes: Buffer) => gzipSync(archiveOf({ './plugin.wasm': bytes }))],
  ])('takes it out of %s', async (_what, mediaType, pack) => {
    registry.push('team/auth', 'v1', [{ mediaType, bytes: pack(module) }]);
    expect(await fetched(image('v1'))).toEqual({ ok: true, value: module });
  });

  it('takes the last layer of several, and the image for Linux of several', async () => {
    const base = { mediaType: OCI, bytes: gzipSync(archiveOf({ 'etc/os-release': 'x' })) };
    const last = { mediaType: OCI, bytes: gzipSync(archiveOf({ 'plugin.wasm': module })) };
    const digest = registry.push('team/auth', 'v1', [base, last], true);
    expect(await fetched(image('v1'))).toEqual({ ok: true, value: module });
    expect(await fetched(`oci://${registry.host}/team/auth@${digest}`)).toEqual({ ok: true, value: module });
  });

  it.each(['anonymous', 'token', 'basic'] as const)('meets what the registry asks for: %s', async (access) => {
    registry.access = access;
    registry.push('team/auth', 'v1', [{ mediaType: ARTIFACT, bytes: module }]);
    const pullSecret = access === 'anonymous' ? null : registry.pullSecret;
    expect(await fetched(image('v1'), { pullSecret })).toEqual({ ok: true, value: module });
    if (access === 'anonymous') return;
    const refused = await fetched(image('v1'));
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining('imagePullSecret') as string });
  });

  it('holds it against the checksum: of an image its digest, else of what is served', async () => {
    const digest = registry.push('team/auth', 'v1', [{ mediaType: ARTIFACT, bytes: module }]);
    const sha256 = digest.slice('sha256:'.length);
    const other = 'ab'.repeat(32);
    expect(await fetched(image('v1'), { sha256 })).toMatchObject({ ok: true });
    expect(await fetched(image('v1'), { sha256: other })).toEqual({ ok: false, error: `is the image ${digest} instead of sha256:${other}` });
    registry.files.set('/auth.wasm', module);
    const url = `http://${registry.host}/auth.wasm`;
    expect(await fetched(url, { sha256: hash('sha256', module, 'hex') })).toEqual({ ok: true, value: module });
    expect(await fetched(url, { sha256: other })).toMatchObject({ ok: false, error: expect.stringContaining(`instead of ${other}`) as string });
    registry.corrupt(module);
    expect(await fetched(image('v1'))).toMatchObject({ ok: false, error: expect.stringMatching(/^the layer is not sha256:/) as string });
  }); // prettier-ignore

  it('reads files, and packed ones from web servers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-wasm-'));
    await writeFile(join(folder, 'a b.wasm'), module);
    expect(await fetched(`file://${encodeURI(folder)}/a%20b.wasm`)).toEqual({ ok: true, value: module });
    expect(await fetched(`file://${folder}/none.wasm`)).toMatchObject({ ok: false });
    await rm(folder, { recursive: true });
    registry.files.set('/auth.tgz', gzipSync(archiveOf({ 'plugin.wasm': module })));
    expect(await fetched(`http://${registry.host}/auth.tgz`)).toEqual({ ok: true, value: module });
  });

  it('says why there is none', async () => {
    registry.push('team/auth', 'text', [{ mediaType: ARTIFACT, bytes: Buffer.from('hello') }]);
    registry.push('team/auth', 'none', [{ mediaType: 'application/json', bytes: module }]);
    registry.push('team/auth', 'cut', [{ mediaType: ARTIFACT, bytes: module.subarray(0, module.length - 9) }]);
    registry.push('team/auth', 'other', [{ mediaType: ARTIFACT, bytes: Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) }]);
    const told: Record<string, string> = {};
    for (const tag of ['text', 'none', 'cut', 'other', 'missing']) {
      const result = await fetched(image(tag));
      told[tag] = result.ok ? 'found' : result.error;
    }
    expect(told).toEqual({
      text: 'is no WebAssembly module, and no archive with one',
      none: 'the image has no layer with a module',
      cut: expect.stringMatching(/^cannot be compiled: /) as string,
      other: 'is no module for proxies: it exports no proxy_abi_version',
      missing: `${registry.host} answers 404 for team/auth/manifests/missing`,
    });
    expect(await fetched('oci://Nowhere')).toMatchObject({ ok: false });
    // With TLS, which it does not speak.
    expect(await fetched(image('text'), {}, [])).toMatchObject({ ok: false });
    registry.stop();
    expect(await fetched(image('text'))).toMatchObject({ ok: false, error: expect.stringMatching(/^127\.0\.0\.1:\d+: (?!fetch failed)./) as string });
  }); // prettier-ignore
});
