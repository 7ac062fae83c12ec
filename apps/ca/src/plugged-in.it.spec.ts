import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENTS, SECRETS } from '@weft/kube';
import { verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type RunningCa } from './testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const FILES = ['root-cert.pem', 'ca-cert.pem', 'ca-key.pem', 'cert-chain.pem'] as const;
type Files = Record<(typeof FILES)[number], string>;

/** Two roots with an intermediate and two signing authorities below the first, made by openssl. */
let pki: string;
const pem = (...names: string[]): string => names.map((name) => readFileSync(join(pki, name), 'utf8')).join('');
function makeAuthority(name: string, issuer?: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: pki, stdio: 'pipe' });
  const key = `${name}.key`;
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key);
  openssl('req', '-new', '-key', key, '-subj', `/O=Acme/CN=${name}`, '-out', `${name}.csr`);
  const signer =
    issuer === undefined ? ['-signkey', key] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '30', '-extfile', 'ca.ext', '-out', `${name}.pem`);
}
beforeAll(() => {
  pki = mkdtempSync(join(tmpdir(), 'weft-pki-'));
  writeFileSync(
    join(pki, 'ca.ext'),
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n',
  );
  makeAuthority('root');
  makeAuthority('middle', 'root');
  makeAuthority('first', 'middle');
  makeAuthority('second', 'middle');
  makeAuthority('other-root');
  makeAuthority('third', 'other-root');
});
afterAll(() => rmSync(pki, { recursive: true }));

function filesOf(signing: string, change: Partial<Files> = {}): Files {
  const chain = signing === 'third' ? ['third.pem'] : [`${signing}.pem`, 'middle.pem'];
  return {
    'root-cert.pem': pem(signing === 'third' ? 'other-root.pem' : 'root.pem'),
    'ca-cert.pem': pem(`${signing}.pem`),
    'ca-key.pem': pem(`${signing}.key`),
    'cert-chain.pem': pem(...chain),
    ...change,
  };
}

let rig: CaRig;
let folder: string;
beforeEach(async () => {
  rig = await CaRig.start();
  folder = mkdtempSync(join(tmpdir(), 'weft-cacerts-'));
});
afterEach(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});

/** The same material in the two places where it may be. */
const PLACES = {
  'Secret istio-system/cacerts': async (files: Partial<Files>) => {
    const data = Object.fromEntries(
      Object.entries(files).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    );
    const secret = await rig.kube.get(SECRETS, SYSTEM, 'cacerts');
    if (secret !== null) await rig.kube.replace(SECRETS, { ...secret, data });
    else await rig.kube.create(SECRETS, { metadata: { namespace: SYSTEM, name: 'cacerts' }, data });
  },
  folder: (files: Partial<Files>) => {
    for (const name of FILES) {
      const path = join(folder, name);
      if (files[name] === undefined) rmSync(path, { force: true });
      else writeFileSync(path, files[name], { mode: 0o600 });
    }
    return Promise.resolve();
  },
};
const startCa = (): Promise<RunningCa> => rig.startCa({ ROOT_CA_DIR: folder, CA_ROOT_REFRESH: '20ms' });

describe.each(Object.entries(PLACES))('an authority plugged in by %s', (place, plugIn) => {
  it('is used instead of a self-signed root, with its intermediates in the answer and its root everywhere', async () => {
    await plugIn(filesOf('first'));
    const ca = await startCa();
    await until(async () => (await rig.root('shop')) === pem('root.pem'), 'its root is distributed');
    expect(await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret')).toBeNull();
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
    const { certChain } = await rig.client(ca.grpc.port, pem('root.pem')).certify(token, WEB);
    expect(certChain.slice(1)).toEqual([pem('first.pem'), pem('middle.pem'), pem('root.pem')]);
    writeFileSync(join(pki, 'svid.pem'), certChain[0]!);
    const verified = execFileSync(
      'openssl',
      ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'root.pem', '-untrusted', 'middle.pem', '-untrusted', 'first.pem', 'svid.pem'], // prettier-ignore
      { cwd: pki },
    );
    expect(verified.toString()).toContain('svid.pem: OK');
  });

  it('is changed without a restart, and a bad change leaves the last good one in use, with warning, metric and event', async () => {
    await plugIn(filesOf('first'));
    const ca = await startCa();
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
    const client = rig.client(ca.grpc.port, pem('root.pem'));
    const issuer = async () => (await client.certify(token, WEB)).certChain[1];
    const gauge = async () => (await rig.metric(ca, 'weft_ca_root_change_refused '))[0];
    await plugIn(filesOf('second', { 'ca-key.pem': pem('first.key') }));
    await until(async () => (await gauge()) === 'weft_ca_root_change_refused 1', 'the change is refused');
    expect(await issuer()).toBe(pem('first.pem'));
    await rig.kube.eventsWritten();
    const items = await rig.kube.list(EVENTS, { namespace: SYSTEM });
    const event = items.find(({ reason }) => reason === 'RootChangeRefused');
    expect(event?.type).toBe('Warning');
    expect(event?.message).toContain('signing certificate refused: the private key does not belong to it');

    await plugIn(filesOf('second'));
    await until(async () => (await issuer()) === pem('second.pem'), 'the new signing certificate is used');
    expect(await gauge()).toBe('weft_ca_root_change_refused 0');
    expect(await rig.metric(ca, 'weft_ca_root_changes_total')).toEqual([
      'weft_ca_root_changes_total{result="refused"} 1',
      'weft_ca_root_changes_total{result="accepted"} 1',
    ]);
  });

  it('moves to another root in three changes, each of which keeps all SVIDs good; a jump is refused', async () => {
    await plugIn(filesOf('first'));
    const ca = await startCa();
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
    const client = rig.client(ca.grpc.port, pem('root.pem'));
    const ask = async () => (await client.certify(token, WEB)).certChain;
    const before = await ask();
    const both = pem('root.pem', 'other-root.pem');
    await plugIn(filesOf('third', { 'root-cert.pem': both }));
    const refused = async () => (await rig.metric(ca, 'weft_ca_root_change_refused 1')).length === 1;
    await until(refused, 'the jump is refused');
    expect((await ask())[1]).toBe(pem('first.pem'));

    await plugIn(filesOf('first', { 'root-cert.pem': both }));
    await until(async () => (await ask()).at(-1) === both, 'the answers carry both roots');
    const between = await ask();
    await plugIn(filesOf('third', { 'root-cert.pem': both }));
    await until(async () => (await ask())[1] === pem('third.pem'), 'the new root signs');
    const after = await ask();
    for (const [svid, trusts] of [
      [before, between],
      [between, before],
      [between, after],
      [after, between],
    ] as const) {
      const roots = trusts.at(-1)!;
      expect(verifyChain(svid.slice(0, -1), roots, Date.now())).toEqual({ ok: true, value: WEB });
    }
    await plugIn(filesOf('third'));
    await until(async () => (await ask()).at(-1) === pem('other-root.pem'), 'the old root is gone');
    await until(async () => (await rig.root('shop')) === pem('other-root.pem'), 'and from the ConfigMaps');
  });

  it.each<[string, () => Partial<Files>, string]>([
    ['a key of another certificate', () => filesOf('first', { 'ca-key.pem': pem('second.key') }), 'signing certificate refused: the private key does not belong to it'],
    ['a chain that does not lead to the root', () => filesOf('first', { 'cert-chain.pem': pem('first.pem') }), 'signing certificate refused: its chain does not lead to a root of the bundle: nothing there issued "O=Acme, CN=first"'],
    ['another root', () => filesOf('first', { 'root-cert.pem': pem('other-root.pem') }), 'signing certificate refused: its chain does not lead to a root of the bundle: nothing there issued "O=Acme, CN=middle"'],
    ['a file missing', () => ({ 'ca-cert.pem': pem('first.pem'), 'ca-key.pem': pem('first.key') }), 'root-cert.pem and cert-chain.pem missing: want root-cert.pem, ca-cert.pem, ca-key.pem, cert-chain.pem'],
    ['key and certificate swapped', () => filesOf('first', { 'ca-cert.pem': pem('first.key'), 'ca-key.pem': pem('first.pem') }), 'a private key is in a certificate file: it belongs into ca-key.pem alone'],
    ['nonsense', () => filesOf('first', { 'ca-cert.pem': 'nonsense', 'cert-chain.pem': '' }), 'signing certificate refused: it is not a PEM certificate'],
  ])('with %s keeps the CA from starting, by name, and nothing is made instead', async (_what, files, problem) => {
    await plugIn(files());
    await expect(startCa()).rejects.toMatchObject({
      code: 'CA_ROOT_UNUSABLE',
      message: `${place === 'folder' ? `folder ${folder}` : place}: ${problem}. Correct it; nothing was changed`,
    });
    expect(await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret')).toBeNull();
  }); // prettier-ignore
});

it('in a folder goes before one in a Secret', async () => {
  await PLACES['Secret istio-system/cacerts'](filesOf('first'));
  await PLACES.folder(filesOf('third'));
  await startCa();
  await until(async () => (await rig.root('shop')) === pem('other-root.pem'), 'the root of the folder is distributed');
});

it('in the form of a kubernetes.io/tls Secret is taken too', async () => {
  const data = Object.fromEntries(
    Object.entries({ 'ca.crt': pem('root.pem'), 'tls.crt': pem('first.pem', 'middle.pem'), 'tls.key': pem('first.key') }).map(
      ([key, value]) => [key, Buffer.from(value).toString('base64')],
    ), // prettier-ignore
  );
  await rig.kube.create(SECRETS, { metadata: { namespace: SYSTEM, name: 'cacerts' }, type: 'kubernetes.io/tls', data });
  await startCa();
  await until(async () => (await rig.root('shop')) === pem('root.pem'), 'its root is distributed');
});
