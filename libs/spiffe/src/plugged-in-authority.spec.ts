import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority, checkCsr, createCsr, verifyChain, type AuthorityMaterial } from './index.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
/** A little later than the certificates of openssl begin. */
const NOW = Date.now() + 60_000;
const HOUR = 3_600_000;

/** A hierarchy made by openssl: root, an intermediate, the signing CA below it, each with its own key type. */
describe('an authority plugged in from openssl', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const read = (...names: string[]): string => names.map((name) => readFileSync(at(name), 'utf8')).join('');
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }).toString();

  function makeCa(
    name: string,
    { issuer, key, extensions }: { issuer?: string; key: string[]; extensions: string },
  ): void {
    writeFileSync(at(`${name}.ext`), extensions);
    openssl('genpkey', ...key, '-out', `${name}.key`);
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/O=Acme/CN=${name}`, '-utf8', '-out', `${name}.csr`);
    const signer =
      issuer === undefined
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`); // prettier-ignore
  }

  const EC = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const CA =
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'weft-plugged-'));
    const rootCa = CA.replace('authorityKeyIdentifier=keyid\n', '');
    makeCa('root', { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], extensions: rootCa });
    makeCa('middle', { issuer: 'root', key: EC, extensions: CA });
    // An identifier that is not the hash of the key: peers must be pointed to this very value.
    makeCa('signing', {
      issuer: 'middle',
      key: EC,
      extensions: CA.replace('subjectKeyIdentifier=hash', 'subjectKeyIdentifier=00112233'),
    });
    makeCa('narrow', { issuer: 'root', key: EC, extensions: CA.replace('CA:TRUE', 'CA:TRUE,pathlen:0') });
    makeCa('below-narrow', { issuer: 'narrow', key: EC, extensions: CA });
    makeCa('no-sign', { issuer: 'root', key: EC, extensions: CA.replace('keyCertSign,', '') });
    makeCa('leaf', { issuer: 'root', key: EC, extensions: 'basicConstraints=critical,CA:FALSE\n' });
    makeCa('foreign', { key: EC, extensions: rootCa });
    makeCa('edwards', { issuer: 'root', key: ['-algorithm', 'ED25519'], extensions: CA });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const load = (change: Partial<AuthorityMaterial> = {}, nowMs = NOW) =>
    CertificateAuthority.load(
      {
        certificateChainPem: read('signing.pem', 'middle.pem', 'root.pem'),
        privateKeyPem: read('signing.key'),
        rootsPem: read('root.pem'),
        ...change,
      },
      nowMs,
    );

  it('issues SVIDs that openssl accepts through its intermediates, as client and as server', async () => {
    const ca = await load();
    if (!ca.ok) throw ca.error;
    const csr = await checkCsr((await createCsr(WEB)).csrPem, WEB);
    if (!csr.ok) throw csr.error;
    const leaf = await ca.value.issue(csr.value.publicKey, { spiffeId: WEB, ttlMs: HOUR, now: NOW });
    writeFileSync(at('svid.pem'), leaf.pem);
    writeFileSync(at('intermediates.pem'), ca.value.intermediatesPem.join(''));
    for (const purpose of ['sslclient', 'sslserver']) {
      expect(
        openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', 'root.pem', '-untrusted', 'intermediates.pem', 'svid.pem'), // prettier-ignore
      ).toContain('svid.pem: OK');
    }
    expect(ca.value.intermediatesPem).toHaveLength(2);
    const [svid, signing] = [leaf.pem, read('signing.pem')].map((pem) => new X509Certificate(pem).toLegacyObject());
    expect(svid!.issuer).toEqual(signing!.subject);
    expect(verifyChain([leaf.pem, ...ca.value.intermediatesPem], ca.value.material.rootsPem, NOW)).toEqual({
      ok: true,
      value: WEB,
    });
  });

  it('is found whatever the order of the chain, and whether the chain names the signing certificate and root or not', async () => {
    for (const names of [
      ['signing.pem', 'root.pem', 'middle.pem'],
      ['signing.pem', 'signing.pem', 'middle.pem'],
      ['signing.pem', 'foreign.pem', 'middle.pem'],
    ]) {
      const ca = await load({ certificateChainPem: read(...names) });
      expect(ca.ok && ca.value.intermediatesPem.map((pem) => new X509Certificate(pem).subject)).toEqual([
        'O=Acme\nCN=signing',
        'O=Acme\nCN=middle',
      ]);
    }
  });

  it.each<[string, () => Partial<AuthorityMaterial>, string]>([
    ['a key of another certificate', () => ({ privateKeyPem: read('middle.key') }), 'signing certificate refused: the private key does not belong to it'],
    ['no key', () => ({ privateKeyPem: '' }), 'signing certificate refused: there is no private key'],
    ['a key that is none', () => ({ privateKeyPem: 'x' }), 'signing certificate refused: the private key is not an unencrypted PEM key'],
    ['an Ed25519 authority', () => ({ certificateChainPem: read('edwards.pem'), privateKeyPem: read('edwards.key') }), 'signing certificate refused: key type ed25519 is not supported: use ECDSA or RSA'],
    ['a missing intermediate', () => ({ certificateChainPem: read('signing.pem') }), 'signing certificate refused: its chain does not lead to a root of the bundle: nothing there issued "O=Acme, CN=signing"'],
    ['the wrong root', () => ({ rootsPem: read('foreign.pem') }), 'signing certificate refused: its chain does not lead to a root of the bundle: nothing there issued "O=Acme, CN=root"'],
    ['a leaf', () => ({ certificateChainPem: read('leaf.pem'), privateKeyPem: read('leaf.key') }), 'signing certificate refused: it is not a CA certificate'],
    ['no right to sign', () => ({ certificateChainPem: read('no-sign.pem'), privateKeyPem: read('no-sign.key') }), 'signing certificate refused: it may not sign certificates'],
    ['an exceeded path length', () => ({ certificateChainPem: read('below-narrow.pem', 'narrow.pem'), privateKeyPem: read('below-narrow.key') }), 'signing certificate refused: "O=Acme, CN=narrow" allows only 0 authorities below it'],
    ['an empty bundle', () => ({ rootsPem: '' }), 'root bundle refused: it holds no PEM certificate'],
    ['a leaf in the bundle', () => ({ rootsPem: read('root.pem', 'leaf.pem') }), 'root bundle refused: certificate 2 is not a CA certificate'],
    ['a private key in the bundle', () => ({ rootsPem: read('root.pem', 'root.key') }), 'root bundle refused: it contains a private key'],
    ['a CSR in the bundle', () => ({ rootsPem: read('root.pem', 'root.csr') }), 'root bundle refused: it holds something that is no certificate'],
  ])('is refused with %s', async (_what, change, message) => {
    expect(await load(change())).toMatchObject({ ok: false, error: { message } });
  }); // prettier-ignore

  it('is refused after any of its chain expired, and before it is valid', async () => {
    const { validToDate, validFromDate } = new X509Certificate(read('signing.pem'));
    expect(await load({}, NOW + 31 * 24 * HOUR)).toMatchObject({
      error: { message: `signing certificate refused: it expired at ${validToDate.toISOString()}` },
    });
    expect(await load({}, NOW - HOUR)).toMatchObject({
      error: { message: `signing certificate refused: it is not valid before ${validFromDate.toISOString()}` },
    });
  });
});
