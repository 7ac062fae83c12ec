import { lstat, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Pod } from '@weft/kube';
import { FakeClock } from '@weft/testing-fixtures';
import { AtomicDirectory } from './atomic-directory.js';
import type { ObjectSource } from './object-source.js';
import { PodVolumes } from './pod-volumes.js';
import { volumeContent, volumeReferences, type Volume, type VolumeFile } from './volume-content.js';

const around = { nodeName: 'node-1', hostIp: '172.30.0.11', podIps: [], nodeCpus: 2, nodeMemoryBytes: 2 ** 30 };
const objects: ObjectSource = {
  configMap: (_, name) =>
    name === 'config'
      ? { data: { a: '1', b: '2' }, binaryData: { c: Buffer.from([0, 255]).toString('base64') } }
      : undefined,
  secret: (_, name) => (name === 'secret' ? { data: { key: Buffer.from('x').toString('base64') } } : undefined),
};
const podWith = (...volumes: readonly Volume[]): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { b: '2', a: '1' } },
  spec: { containers: [], volumes: [...volumes], serviceAccountName: 'sa' },
});
const content = (volume: Volume) => volumeContent(volume, { pod: podWith(volume), objects, around });
const texts = (volume: Volume): Record<string, string> | string => {
  const result = content(volume);
  return result.ok
    ? Object.fromEntries([...result.value.files].map(([name, file]) => [name, file.content.toString('latin1')]))
    : result.error;
};

describe('content of a volume', () => {
  it('a configMap has its data and binary data', () =>
    expect(texts({ name: 'v', configMap: { name: 'config' } })).toEqual({ a: '1', b: '2', c: '\0\xff' }));
  it('items choose keys, paths and modes', () => {
    const volume = { name: 'v', configMap: { name: 'config', items: [{ key: 'a', path: 'x/y', mode: 0o400 }] } };
    const result = content(volume);
    expect(result.ok && [...result.value.files]).toEqual([['x/y', { content: Buffer.from('1'), mode: 0o400 }]]);
  });
  it('a secret is decoded', () => expect(texts({ name: 'v', secret: { secretName: 'secret' } })).toEqual({ key: 'x' }));
  it('downwardAPI writes labels sorted and quoted', () =>
    expect(
      texts({ name: 'v', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } }),
    ).toEqual({ labels: 'a="1"\nb="2"' }));
  it('projected joins its sources and lists its tokens', () => {
    const token = { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' };
    const result = content({
      name: 'v',
      projected: {
        sources: [{ configMap: { name: 'config' } }, { secret: { name: 'secret' } }, { serviceAccountToken: token }],
      },
    });
    expect(result).toMatchObject({ ok: true, value: { tokens: [{ ...token, mode: 0o644 }] } });
    expect(result.ok && [...result.value.files.keys()]).toEqual(['a', 'b', 'c', 'key']);
  });
  it.each<[string, Volume]>([
    ['configmap "none" not found', { name: 'v', configMap: { name: 'none' } }],
    ['secret "none" not found', { name: 'v', secret: { secretName: 'none' } }],
    [
      'configmap "config" has no key "z"',
      { name: 'v', configMap: { name: 'config', items: [{ key: 'z', path: 'z' }] } },
    ],
    [
      'invalid path "../up" in a volume',
      { name: 'v', configMap: { name: 'config', items: [{ key: 'a', path: '../up' }] } },
    ],
  ])('says: %s', (problem, volume) => expect(texts(volume)).toBe(problem));
  it('optional sources may be missing', () => {
    expect(texts({ name: 'v', configMap: { name: 'none', optional: true } })).toEqual({});
    expect(
      texts({ name: 'v', configMap: { name: 'config', optional: true, items: [{ key: 'z', path: 'z' }] } }),
    ).toEqual({});
  });
  it('no path leaves the volume, whatever it says', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[./a]{0,12}$/), (path) => {
        const result = content({ name: 'v', configMap: { name: 'config', items: [{ key: 'a', path }] } });
        const inside = join('/volume', path);
        return !result.ok || (inside.startsWith('/volume/') && inside !== '/volume/');
      }),
    );
  });
  it('names the objects that it reads', () =>
    expect([
      ...volumeReferences([
        { name: 'v', configMap: { name: 'config' } },
        { name: 'w', projected: { sources: [{ secret: { name: 'secret' } }] } },
      ]),
    ]).toEqual(['configmap/config', 'secret/secret']));
});

describe('on disk', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'weft-volume-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const file = (text: string): VolumeFile => ({ content: Buffer.from(text), mode: 0o600 });

  it('an update swaps all files at once, and removed names go', async () => {
    const volume = new AtomicDirectory(directory, null);
    expect(
      await volume.write(
        new Map([
          ['a', file('1')],
          ['b/c', file('2')],
        ]),
      ),
    ).toBe(true);
    expect(await readFile(join(directory, 'b/c'), 'utf8')).toBe('2');
    expect((await lstat(join(directory, 'a'))).isSymbolicLink()).toBe(true);
    expect(
      await volume.write(
        new Map([
          ['a', file('3')],
          ['d', file('4')],
        ]),
      ),
    ).toBe(true);
    expect((await readdir(directory)).filter((name) => !name.startsWith('..')).sort()).toEqual(['a', 'd']);
    expect(await readFile(join(directory, 'a'), 'utf8')).toBe('3');
    expect((await readdir(directory)).filter((name) => name.startsWith('..generation'))).toHaveLength(1);
  });

  it('equal content is not written again', async () => {
    const volume = new AtomicDirectory(directory, null);
    await volume.write(new Map([['a', file('1')]]));
    expect(await volume.write(new Map([['a', file('1')]]))).toBe(false);
  });

  it('a token is asked for once, and renewed at four fifths of its life', async () => {
    const clock = new FakeClock();
    const asked: unknown[] = [];
    const kube = {
      createToken: (namespace: string, account: string, options: { expirationSeconds: number }) => {
        asked.push([namespace, account, options]);
        return Promise.resolve({
          token: `token-${asked.length}`,
          expiresAt: new Date(clock.now() + options.expirationSeconds * 1000),
        });
      },
    };
    const pod = podWith({
      name: 'v',
      projected: {
        sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 1000, path: 'token' } }],
      },
    });
    const volumes = new PodVolumes({ pod, kubeletDirectory: directory, objects, kube, clock });
    const read = (): Promise<string> => readFile(join(directory, 'pods/u/volumes/v/token'), 'utf8');
    const begin = clock.now();
    expect(await volumes.refresh(around)).toBe(begin + 800_000);
    expect(asked).toEqual([
      ['n', 'sa', { audiences: ['istio-ca'], expirationSeconds: 1000, boundPod: { name: 'p', uid: 'u' } }],
    ]);
    await clock.advance(799_000);
    await volumes.refresh(around);
    expect(await read()).toBe('token-1');
    await clock.advance(1_000);
    expect(await volumes.refresh(around)).toBe(begin + 1_600_000);
    expect(await read()).toBe('token-2');
  });

  it('an unknown kind of volume is a mount error that names it', async () => {
    const pod = podWith({ name: 'disk', persistentVolumeClaim: { claimName: 'x' } });
    const volumes = new PodVolumes({
      pod,
      kubeletDirectory: directory,
      objects,
      kube: { createToken: () => Promise.reject(new Error()) },
      clock: new FakeClock(),
    });
    await expect(volumes.refresh(around)).rejects.toThrow(
      'MountVolume.SetUp failed for volume "disk" : this kind of volume is not supported',
    );
  });
});
