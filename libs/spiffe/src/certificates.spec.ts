import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { x509 } from './x509.js';
import { webKeyPair, webSigningAlgorithm } from './testing/web-keys.js';
import {
  CertificateAuthority,
  checkCsr,
  createCsr,
  createRoot,
  svidFromCaResponse,
  uriSansOfCertificate,
  verifyChain,
  type AuthorityMaterial,
  type KeyType,
} from './index.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const NOW = Date.now();
const HOUR = 3_600_000;

async function authority(overrides: Partial<AuthorityMaterial> = {}): Promise<CertificateAuthority> {
  const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 24 * HOUR, now: NOW });
  const loaded = await CertificateAuthority.load({ ...root, ...overrides }, NOW);
  if (!loaded.ok) throw loaded.error;
  return loaded.value;
}

async function issue(ca: CertificateAuthority, spiffeId: string, keyType?: KeyType) {
  const request = await createCsr(spiffeId, keyType);
  const checked = await checkCsr(request.csrPem, spiffeId);
  if (!checked.ok) throw checked.error;
  const leaf = await ca.issue(checked.value.publicKey, { spiffeId, ttlMs: HOUR, now: NOW });
  return { ...request, ...leaf };
}

describe('an issued SVID', () => {
  let ca: CertificateAuthority;
  let folder: string;
  beforeAll(async () => {
    ca = await authority();
    folder = mkdtempSync(join(tmpdir(), 'weft-spiffe-'));
    writeFileSync(join(folder, 'root.pem'), ca.material.rootsPem);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each<KeyType>(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'])(
    'with a %s key is accepted by openssl as client and as server',
    async (keyType) => {
      const { pem } = await issue(ca, WEB, keyType);
      writeFileSync(join(folder, 'leaf.pem'), pem);
      for (const purpose of ['sslclient', 'sslserver']) {
        const run = execFileSync('openssl', [
          'verify',
          '-x509_strict',
          '-purpose',
          purpose,
          '-CAfile',
          join(folder, 'root.pem'),
          join(folder, 'leaf.pem'),
        ]);
        expect(run.toString()).toContain(': OK');
      }
    },
  );

  it('keeps the rules of X.509-SVID: one URI SAN, not a CA, digitalSignature without keyCertSign', async () => {
    const leaf = new X509Certificate((await issue(ca, WEB)).pem);
    const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: leaf.toString() }).toString();
    expect(uriSansOfCertificate(leaf.raw)).toEqual([WEB]);
    expect(leaf.ca).toBe(false);
    expect(text).toMatch(/Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster.local\/ns\/shop\/sa\/web\n/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
  });

  it('never outlives its issuer', async () => {
    const request = await checkCsr((await createCsr(WEB)).csrPem, WEB);
    if (!request.ok) throw request.error;
    const leaf = await ca.issue(request.value.publicKey, { spiffeId: WEB, ttlMs: 1000 * HOUR, now: NOW });
    expect(leaf.notAfter).toEqual(ca.notAfter);
  });

  it('verifies against its own root only, and not after it expired', async () => {
    const { pem } = await issue(ca, WEB);
    const other = await authority();
    expect(verifyChain([pem], ca.material.rootsPem, NOW)).toEqual({ ok: true, value: WEB });
    expect(verifyChain([pem], ca.material.rootsPem + other.material.rootsPem, NOW)).toEqual({ ok: true, value: WEB });
    expect(verifyChain([pem], other.material.rootsPem, NOW)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('trusted root') as string },
    });
    expect(verifyChain([pem], ca.material.rootsPem, NOW + 2 * HOUR)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('expired') as string },
    });
  });

  it('is good on a machine whose clock is up to two minutes behind, and on one ahead until it ends', async () => {
    const { pem } = await issue(ca, WEB);
    const at = (ms: number): boolean => verifyChain([pem], ca.material.rootsPem, NOW + ms).ok;
    expect([at(-119_000), at(-121_000), at(HOUR - 1000), at(HOUR)]).toEqual([true, false, true, false]);
  });

  it('is refused by its client when it is for another identity or another key', async () => {
    const { pem, privateKeyPem } = await issue(ca, WEB);
    const foreign = await createCsr(WEB);
    const answer = [pem, ca.material.rootsPem];
    expect(svidFromCaResponse(answer, { spiffeId: WEB, privateKeyPem, nowMs: NOW }).ok).toBe(true);
    expect(svidFromCaResponse(answer, { spiffeId: WEB + '2', privateKeyPem, nowMs: NOW }).ok).toBe(false);
    expect(svidFromCaResponse(answer, { spiffeId: WEB, privateKeyPem: foreign.privateKeyPem, nowMs: NOW }).ok).toBe(
      false,
    );
    expect(svidFromCaResponse([], { spiffeId: WEB, privateKeyPem, nowMs: NOW }).ok).toBe(false);
  });
});

describe('CertificateAuthority.load', () => {
  it('refuses a key of another certificate', async () => {
    const other = await createRoot({ trustDomain: 'x', keyType: 'ecdsa-p256', ttlMs: HOUR, now: NOW });
    await expect(authority({ privateKeyPem: other.privateKeyPem })).rejects.toThrow(
      'the private key does not belong to it',
    );
  });
  it('refuses an expired certificate', async () => {
    const root = await createRoot({ trustDomain: 'x', keyType: 'ecdsa-p256', ttlMs: HOUR, now: NOW });
    expect(await CertificateAuthority.load(root, NOW + 2 * HOUR)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('expired') as string },
    });
  });
  it('refuses a certificate that is not a CA', async () => {
    const leaf = await issue(await authority(), WEB);
    await expect(authority({ certificateChainPem: leaf.pem, privateKeyPem: leaf.privateKeyPem })).rejects.toThrow(
      'not a CA',
    );
  });
  it.each(['', 'nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'refuses %j without throwing',
    async (certificateChainPem) => {
      await expect(authority({ certificateChainPem })).rejects.toThrow('signing certificate refused');
    },
  );
});

describe('checkCsr', () => {
  async function csr(extensions: x509.Extension[], keys?: CryptoKeyPair): Promise<string> {
    const pair = keys ?? (await webKeyPair());
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      keys: pair,
      extensions,
      signingAlgorithm: webSigningAlgorithm(pair.privateKey),
    });
    return request.toString('pem');
  }
  const san = (...names: x509.JsonGeneralName[]) => new x509.SubjectAlternativeNameExtension(names, true);

  it.each([
    ['another identity', [san({ type: 'url', value: WEB + 'x' })]],
    ['a second name', [san({ type: 'url', value: WEB }, { type: 'dns', value: 'kubernetes.default.svc' })]],
    ['a DNS name', [san({ type: 'dns', value: WEB })]],
    ['CA rights', [san({ type: 'url', value: WEB }), new x509.BasicConstraintsExtension(true)]],
    ['a NUL in the name', [san({ type: 'url', value: WEB + '\u0000' })]],
  ])('refuses a request for %s', async (_what, extensions) => {
    expect((await checkCsr(await csr(extensions), WEB)).ok).toBe(false);
  });
  it('takes a request without a name: the identity is decided by authentication', async () => {
    expect((await checkCsr(await csr([]), WEB)).ok).toBe(true);
  });
  it('refuses a request whose signature is not by its key', async () => {
    const der = Buffer.from(new x509.Pkcs10CertificateRequest(await csr([])).rawData);
    der[der.length - 3]! ^= 1;
    const forged = x509.PemConverter.encode(der, 'CERTIFICATE REQUEST');
    expect((await checkCsr(forged, WEB)).ok).toBe(false);
  });
  it('refuses an RSA key below 2048 bits', async () => {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      publicExponent: new Uint8Array([1, 0, 1]),
      modulusLength: 1024,
    };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    expect(await checkCsr(await csr([], keys), WEB)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('2048') as string },
    });
  });
  it('never throws', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc
            .base64String({ maxLength: 400 })
            .map((body) => `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----`),
        ),
        async (text) => {
          expect((await checkCsr(text, WEB)).ok).toBe(false);
        },
      ),
    );
  });
});

describe('uriSansOfCertificate', () => {
  it('is empty, never an exception, for bytes that are no certificate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(uriSansOfCertificate(bytes)).toEqual([]);
      }),
    );
  });
  it('stays empty or true under any single changed byte: no other identity appears outside the name itself', async () => {
    const raw = new X509Certificate((await issue(await authority(), WEB)).pem).raw;
    const at = raw.indexOf(WEB);
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        fc.pre(index < at || index >= at + WEB.length);
        const bytes = Uint8Array.from(raw);
        bytes[index]! ^= flip;
        const names = uriSansOfCertificate(bytes);
        expect(names.every((name) => WEB.startsWith(name) || name.startsWith(WEB))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
