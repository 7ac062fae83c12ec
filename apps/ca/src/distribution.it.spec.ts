import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { clusterTrustBundles, CONFIG_MAPS, NAMESPACES, SECRETS } from '@weft/kube';
import { createRoot, parseSpiffeBundle, parseTrustBundle, uriSansOfCertificate } from '@weft/spiffe';
import { TestAuthority } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type RunningCa } from './testing/ca-rig.js';

let rig: CaRig;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

const has = async (namespace: string): Promise<boolean> => (await rig.root(namespace)) !== undefined;

describe('with a selector the ConfigMap of the roots', () => {
  const label = (name: string, mesh: string | null): Promise<unknown> =>
    rig.kube.patch(NAMESPACES, undefined, name, { metadata: { labels: { mesh } } }, { kind: 'merge' });

  it('is in selected namespaces and in that of the CA, comes with the label and goes with it', async () => {
    await rig.startCa({ CA_NAMESPACE_SELECTOR: 'mesh=on' });
    await until(() => has(SYSTEM), 'it is in the namespace of the CA');
    await label('shop', 'on');
    await until(() => has('shop'), 'it is in the selected namespace');
    await label('shop', null);
    await until(async () => !(await has('shop')), 'it is taken away');
    expect(await has(SYSTEM)).toBe(true);
  });

  it('that was there before is taken away, but one that somebody else wrote stays', async () => {
    const all = await rig.startCa();
    await until(() => has('shop'), 'it is everywhere');
    await all.stop();
    await rig.kube.create(NAMESPACES, { metadata: { name: 'other' } });
    const theirs = { metadata: { namespace: 'other', name: 'istio-ca-root-cert' }, data: { 'root-cert.pem': 'theirs' } };
    await rig.kube.create(CONFIG_MAPS, theirs);
    await rig.startCa({ CA_NAMESPACE_SELECTOR: 'mesh=on' });
    await until(async () => !(await has('shop')), 'it is taken away');
    expect(await rig.root('other')).toBe('theirs');
  });
}); // prettier-ignore

it('namespaces in which nothing runs get no ConfigMap', async () => {
  await rig.kube.createOrGet(NAMESPACES, { metadata: { name: 'kube-public' } });
  await rig.startCa();
  await until(() => has('shop'), 'it is distributed');
  expect(await has('kube-public')).toBe(false);
});

it('the roots are in a ClusterTrustBundle, which is repaired when it is edited or deleted', async () => {
  await rig.startCa();
  await until(() => has('shop'), 'the root is distributed');
  const root = (await rig.root('shop'))!;
  const type = clusterTrustBundles('v1beta1');
  const name = 'istio.io:istiod-ca:root-cert';
  const spec = async () => (await rig.kube.get(type, undefined, name))?.spec;
  const good = async (): Promise<boolean> => (await spec())?.trustBundle === root;
  await until(good, 'it is there');
  expect((await spec())?.signerName).toBe('istio.io/istiod-ca');
  await rig.kube.patch(type, undefined, name, { spec: { trustBundle: 'mine' } }, { kind: 'merge' });
  await until(good, 'the edit is undone');
  await rig.kube.delete(type, undefined, name);
  await until(good, 'it is back');
});

describe('the bundle endpoint', () => {
  interface Answer {
    readonly status: number;
    readonly body: string;
    readonly uris: readonly string[];
  }
  const ask = (server: RunningCa, ca: string, options: object = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const url = `https://127.0.0.1:${server.bundle.port}/`;
      const servername = `weft-ca.${SYSTEM}.svc`;
      get(url, { ca, servername, agent: false, ...options }, (response) => {
        const { raw } = (response.socket as unknown as Pick<TLSSocket, 'getPeerCertificate'>).getPeerCertificate();
        const uris = uriSansOfCertificate(raw);
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, uris }));
      }).on('error', reject);
    });

  it('serves the roots over TLS with the SVID of the CA, with a number that grows when they change', async () => {
    const pinned = { CA_ROOT_REFRESH: '100ms', CA_ROTATION_WAIT: '500ms', CA_BUNDLE_ENDPOINT: 'https_spiffe', CA_BUNDLE_PORT: '0' };
    const ca = await rig.startCa(pinned);
    await until(() => has(SYSTEM), 'the root is distributed');
    const root = (await rig.root(SYSTEM))!;
    const first = await ask(ca, root);
    expect(first).toMatchObject({ status: 200, uris: [`spiffe://cluster.local/ns/${SYSTEM}/sa/weft-ca`] });
    const bundle = parseSpiffeBundle(first.body);
    const want = parseTrustBundle(root);
    if (!bundle.ok || !want.ok) throw new Error('both are readable');
    expect(bundle.value).toMatchObject({ refreshHintSeconds: 300, roots: { pem: want.value.pem } });
    expect(parseSpiffeBundle((await ask(ca, root)).body)).toMatchObject({ value: { sequence: bundle.value.sequence } });
    const added = (await createRoot({ trustDomain: 'x', keyType: 'ecdsa-p256', ttlMs: 1e9, now: Date.now() })).rootsPem;
    const data = { 'root-cert.pem': Buffer.from(root + added).toString('base64') };
    await rig.kube.patch(SECRETS, SYSTEM, 'istio-ca-secret', { data }, { kind: 'merge' });
    const grown = async (): Promise<boolean> => {
      const later = parseSpiffeBundle((await ask(ca, root)).body);
      return later.ok && later.value.roots.certificates.length === 2 && later.value.sequence! > bundle.value.sequence!;
    };
    await until(grown, 'both roots are served under a larger number');
  }); // prettier-ignore

  it('is there for GET of / alone, and not at all unless it is asked for', async () => {
    const ca = await rig.startCa({ CA_BUNDLE_ENDPOINT: 'https_spiffe', CA_BUNDLE_PORT: '0' });
    await until(() => has(SYSTEM), 'the root is distributed');
    const root = (await rig.root(SYSTEM))!;
    expect((await ask(ca, root, { path: '/keys' })).status).toBe(404);
    expect((await ask(ca, root, { method: 'POST' })).status).toBe(405);
    expect((await rig.startCa()).bundle.port).toBe(0);
  });

  it('serves with a certificate of a web PKI from files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-bundle-'));
    try {
      const web = await TestAuthority.create();
      const own = await web.issue('spiffe://web/ns/a/sa/b', { dnsNames: ['bundle.example'] });
      writeFileSync(join(folder, 'tls.crt'), own.certificateChainPem);
      writeFileSync(join(folder, 'tls.key'), own.privateKeyPem, { mode: 0o600 });
      const files = { CA_BUNDLE_CERT: join(folder, 'tls.crt'), CA_BUNDLE_KEY: join(folder, 'tls.key') };
      const ca = await rig.startCa({ CA_BUNDLE_ENDPOINT: 'https_web', CA_BUNDLE_PORT: '0', ...files });
      await until(() => has(SYSTEM), 'the root is distributed');
      const answer = await ask(ca, web.rootsPem, { servername: 'bundle.example' });
      expect(answer.status).toBe(200);
      expect(answer.uris).toEqual(['spiffe://web/ns/a/sa/b']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }); // prettier-ignore
});
