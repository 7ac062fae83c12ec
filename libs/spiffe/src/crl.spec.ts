import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { CertificateAuthority, createRoot } from './certificate-authority.js';
import { checkCsr, createCsr } from './certificate-signing-request.js';
import { isSignedBy, parseCrl } from './crl.js';
import { readCrlFile } from './crl-file.js';
import { signCrl, type CrlOptions } from './sign-crl.js';
import type { AuthorityKeyType } from './keys.js';
import { RevocationList } from './revocation-list.js';
import { decodeRevokedIdentities, encodeRevokedIdentities } from './revoked-identities.js';

const NOW = Date.UTC(2026, 0, 1);
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const HOUR_MS = 3_600_000;

async function authority(keyType: AuthorityKeyType = 'ecdsa-p256'): Promise<CertificateAuthority> {
  const root = await createRoot({ trustDomain: 'cluster.local', keyType, ttlMs: 90 * 24 * HOUR_MS, now: NOW });
  const loaded = await CertificateAuthority.load(root, NOW);
  if (!loaded.ok) throw loaded.error;
  return loaded.value;
}

async function issue(ca: CertificateAuthority, spiffeId = WEB, now = NOW) {
  const { csrPem } = await createCsr(spiffeId);
  const csr = await checkCsr(csrPem, spiffeId);
  if (!csr.ok) throw csr.error;
  const leaf = await ca.issue(csr.value.publicKey, { spiffeId, ttlMs: HOUR_MS, now });
  return { ...leaf, chain: [new X509Certificate(leaf.pem).raw, new X509Certificate(ca.rootPem).raw] };
}

const sign = (by: CertificateAuthority, change: Partial<CrlOptions> = {}): string =>
  signCrl(by.material, {
    serials: [],
    identities: [],
    number: 1,
    thisUpdateMs: NOW,
    nextUpdateMs: NOW + 24 * HOUR_MS,
    ...change,
  });
const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
const listOf = (text: string, issuers: readonly string[] = []): RevocationList => {
  const list = RevocationList.read(Buffer.from(text), issuers);
  if (!list.ok) throw list.error;
  return list.value;
};

let ca: CertificateAuthority;
let folder: string;
beforeAll(async () => {
  ca = await authority();
  folder = mkdtempSync(join(tmpdir(), 'weft-crl-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const openssl = (...argv: readonly string[]): string =>
  execFileSync('openssl', argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

describe('a CRL that we sign', () => {
  it.each<AuthorityKeyType>(['ecdsa-p256', 'ecdsa-p384', 'rsa-2048'])(
    'with %s is verified by openssl, which refuses the revoked certificate and no other',
    async (keyType) => {
      const signer = await authority(keyType);
      const [bad, good] = [await issue(signer), await issue(signer)];
      const pem = sign(signer, {
        serials: [{ serial: bad.serialNumber, revokedAtMs: NOW }],
        identities: [{ spiffeId: 'spiffe://cluster.local/ns/a/sa/b', notBeforeMs: null }],
        number: 0xff00,
      });
      for (const [name, text] of Object.entries({ root: signer.rootPem, crl: pem, bad: bad.pem, good: good.pem }))
        writeFileSync(join(folder, `${name}.pem`), text);
      expect(openssl('crl', '-in', 'crl.pem', '-CAfile', 'root.pem', '-noout', '-crlnumber')).toContain('FF00');
      const at = ['-attime', String(NOW / 1000), '-crl_check', '-CAfile', 'root.pem', '-CRLfile', 'crl.pem'];
      expect(openssl('verify', ...at, 'good.pem')).toContain('good.pem: OK');
      expect(() => openssl('verify', ...at, 'bad.pem')).toThrow(/certificate revoked/);
      const list = listOf(pem);
      expect(list.refusal(bad.chain)).toBe(`certificate ${bad.serialNumber} is revoked`);
      expect(list.refusal(good.chain)).toBeNull();
      expect(list.crls[0]?.number).toBe(0xff00n);
    },
  );

  it('takes an identity back altogether, or what was issued to it before a time', async () => {
    const [web, db] = [await issue(ca), await issue(ca, 'spiffe://cluster.local/ns/shop/sa/db')];
    const renewed = await issue(ca, WEB, NOW + 2 * HOUR_MS);
    const all = listOf(sign(ca, { identities: [{ spiffeId: WEB, notBeforeMs: null }] }));
    expect([web, renewed, db].map(({ chain }) => all.refusal(chain))).toEqual([
      `identity ${WEB} is revoked`,
      `identity ${WEB} is revoked`,
      null,
    ]);
    const before = listOf(sign(ca, { identities: [{ spiffeId: WEB, notBeforeMs: NOW + HOUR_MS }] }));
    expect([web, renewed].map(({ chain }) => before.refusal(chain))).toEqual([`identity ${WEB} is revoked`, null]);
  });

  it('counts only for certificates of the key that signed it, though two roots of a rotation share a name', async () => {
    const next = await authority();
    const leaf = await issue(next);
    const pem = sign(ca, { serials: [{ serial: leaf.serialNumber, revokedAtMs: NOW }] });
    expect(listOf(pem).refusal(leaf.chain)).toBeNull();
    expect(listOf(pem, [next.rootPem]).forgery()).toBeNull();
  });

  it('takes identities back for the whole mesh if its signer is an authority that is known here', async () => {
    const next = await authority();
    const leaf = await issue(next);
    const pem = sign(ca, { identities: [{ spiffeId: WEB, notBeforeMs: null }] });
    expect(listOf(pem).refusal(leaf.chain)).toBeNull();
    expect(listOf(pem, [next.rootPem + ca.rootPem]).refusal(leaf.chain)).toBe(`identity ${WEB} is revoked`);
  });
});

describe('a CRL file', () => {
  it('may be empty, one DER, or several PEM blocks with text between them', () => {
    const pem = sign(ca);
    expect(listOf(' \n').isEmpty).toBe(true);
    expect(readCrlFile(derOf(pem))).toMatchObject({ ok: true, value: { length: 1 } });
    expect(readCrlFile(Buffer.from(`# ours\n${pem}text\n${pem}`))).toMatchObject({ ok: true, value: { length: 2 } });
  });

  it('made by openssl is read: entries with reasons, a list without a next update', () => {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k.pem', '-out', 'c.pem', '-subj', '/CN=corp');
    writeFileSync(join(folder, 'index.txt'), 'R\t301231235959Z\t260101000000Z,keyCompromise\t00D00D\tunknown\t/CN=x\n');
    writeFileSync(join(folder, 'number'), '0A\n');
    writeFileSync(
      join(folder, 'ca.cnf'),
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha384\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
    );
    openssl(
      'ca',
      '-config',
      'ca.cnf',
      '-gencrl',
      '-crldays',
      '1',
      '-keyfile',
      'k.pem',
      '-cert',
      'c.pem',
      '-out',
      'l.pem',
    );
    const crls = readCrlFile(readFileSync(join(folder, 'l.pem')));
    if (!crls.ok) throw crls.error;
    expect(crls.value[0]).toMatchObject({ number: 10n, serials: new Set(['d00d']) });
    expect(isSignedBy(crls.value[0]!, new X509Certificate(readFileSync(join(folder, 'c.pem'))))).toBe(true);
  });

  it.each<[string, (pem: string) => Promise<Uint8Array | string> | Uint8Array | string, string]>([
    ['text', () => 'revoked: all', 'it is neither PEM nor DER'],
    ['a cut PEM block', (pem) => pem.slice(0, -20), 'a PEM block has no end'],
    ['a certificate', () => ca.rootPem, 'block 1 of 1 is "CERTIFICATE", not an X509 CRL'],
    [
      'a good list and a broken one',
      (pem) => `${pem}${pem.replace('MII', 'AII').replace('MIH', 'AIH')}`,
      'block 2 of 2: CRL refused: it is not DER',
    ],
    ['no base64', (pem) => pem.replace('MI', 'M!'), 'block 1 of 1 is not base64'],
    ['bytes after the DER', (pem) => Buffer.concat([derOf(pem), Buffer.from([0])]), 'it is not DER'],
    ['an indefinite length', () => Buffer.from([0x30, 0x80, 0, 0]), 'it is not DER'],
    ['a length that is not minimal', () => Buffer.from([0x30, 0x81, 0x01, 0x05]), 'it is not DER'],
    ['a version of the future', (pem) => replaced(pem, '020101', '020102'), 'version 02 is not known'],
    [
      'two signature algorithms',
      (pem) => replaced(pem, '2a8648ce3d040302', '2a8648ce3d040303'),
      'it names two different signature algorithms',
    ],
    [
      'an unknown signature algorithm',
      (pem) => replacedAll(pem, '2a8648ce3d040302', '2a8648ce3d040309'),
      'its signature algorithm (OID 2a8648ce3d040309) is not supported',
    ],
    [
      'a month 13',
      (pem) => replaced(pem, Buffer.from('260101').toString('hex'), Buffer.from('261301').toString('hex')),
      'a date cannot be read',
    ],
  ])('with %s is refused by name', async (_, make, why) => {
    // A whole hour later, so that the date does not fall on the year before.
    const content = await make(sign(ca, { thisUpdateMs: NOW + HOUR_MS }));
    const read = readCrlFile(Buffer.from(content as string));
    expect(read.ok ? 'read' : read.error.message).toContain(why);
    expect(read.ok ? '' : read.error.code).toBe('CRL_INVALID');
  });

  it.each([
    ['delta CRL indicator', '551d1b'],
    ['issuing distribution point', '551d1c'],
  ])('with the critical extension %s must not be used, so it is refused', (_, oid) => {
    // The CRL number becomes the other extension, critical, in as many bytes.
    const der = replaced(sign(ca, { number: 0x123456 }), '551d1404050203123456', `${oid}0101ff04023000`);
    const read = parseCrl(der);
    expect(read.ok ? 'read' : read.error.message).toBe(`CRL refused: critical extension ${oid} is not known`);
  });

  it('that bears the name of a known issuer but not its signature is a forgery; its entries do not count', async () => {
    const leaf = await issue(ca);
    const der = derOf(sign(ca, { serials: [{ serial: leaf.serialNumber, revokedAtMs: NOW }] }));
    der[der.length - 1]! ^= 1;
    const list = RevocationList.read(der, [ca.rootPem]);
    if (!list.ok) throw list.error;
    expect(list.value.forgery()).toMatch(/^list 1 is not signed by "O=cluster.local"/);
    expect(list.value.refusal(leaf.chain)).toBeNull();
  });
});

const replaced = (pem: string, from: string, to: string): Buffer =>
  Buffer.from(derOf(pem).toString('hex').replace(from, to), 'hex');
const replacedAll = (pem: string, from: string, to: string): Buffer =>
  Buffer.from(derOf(pem).toString('hex').replaceAll(from, to), 'hex');

describe('properties', () => {
  it('what is revoked is refused, and nothing else', async () => {
    const leaves = await Promise.all(Array.from({ length: 8 }, () => issue(ca)));
    fc.assert(
      fc.property(fc.subarray(leaves), (revoked) => {
        const serials = revoked.map(({ serialNumber: serial }) => ({ serial, revokedAtMs: NOW }));
        const list = listOf(sign(ca, { serials }));
        for (const leaf of leaves) expect(list.refusal(leaf.chain) !== null).toBe(revoked.includes(leaf));
      }),
      { numRuns: 30 },
    );
  });

  it('lists of identities are read as they were written', () => {
    const identity = fc.record({
      spiffeId: fc.stringMatching(/^spiffe:\/\/[a-z]{1,200}\/ns\/[a-z]{1,9}\/sa\/[a-z]{1,9}$/),
      notBeforeMs: fc.option(fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => seconds * 1000)),
    });
    fc.assert(
      fc.property(fc.array(identity, { maxLength: 50 }), (identities) => {
        expect(decodeRevokedIdentities(encodeRevokedIdentities(identities))).toEqual(identities);
      }),
    );
  });

  it('a damaged list is refused, or is not signed, or is the same list; nothing throws', () => {
    const der = derOf(
      sign(ca, {
        serials: [{ serial: 'abcd', revokedAtMs: NOW }],
        identities: [{ spiffeId: WEB, notBeforeMs: NOW }],
      }),
    );
    const root = new X509Certificate(ca.rootPem);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(der);
        damaged[at]! ^= flip;
        const read = parseCrl(damaged);
        if (read.ok) expect(isSignedBy(read.value, root)).toBe(false);
      }),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readCrlFile(bytes)));
  });
});
