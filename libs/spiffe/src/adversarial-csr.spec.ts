import fc from 'fast-check';
import { webcrypto } from 'node:crypto';
import { readDerElements } from './der-reader.js';
import { checkCsr, createCsr } from './index.js';
import { webKeyPair, webSigningAlgorithm } from './testing/web-keys.js';
import { x509 } from './x509.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const ONE_NAME = 'CSR refused: the only extension it may ask for is one subject alternative name';
const THIS_NAME = `CSR refused: its subject alternative name must be the URI ${WEB} alone`;
const ONE_BLOCK = 'CSR refused: not exactly one PEM block CERTIFICATE REQUEST';

const url = (value: string): x509.JsonGeneralName => ({ type: 'url', value });
const san = (...names: x509.JsonGeneralName[]) => new x509.SubjectAlternativeNameExtension(names, true);

async function csr(extensions: x509.Extension[], keys?: CryptoKeyPair, algorithm?: object): Promise<string> {
  const pair = keys ?? (await webKeyPair());
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: pair,
    extensions,
    signingAlgorithm: (algorithm ?? webSigningAlgorithm(pair.privateKey)) as EcdsaParams,
  });
  return request.toString('pem');
}
const rsa = (modulusLength: number, exponent: number[], hash = 'SHA-256') =>
  webcrypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', hash, publicExponent: new Uint8Array(exponent), modulusLength },
    true,
    ['sign', 'verify'],
  );
const der = async (): Promise<Buffer> =>
  Buffer.from(new x509.Pkcs10CertificateRequest((await createCsr(WEB)).csrPem).rawData);
const pem = (bytes: Uint8Array<ArrayBuffer>): string => x509.PemConverter.encode(bytes, 'CERTIFICATE REQUEST');

describe('a hostile CSR', () => {
  it.each<[string, () => Promise<string>, string]>([
    ['another identity', () => csr([san(url(`${WEB}x`))]), THIS_NAME],
    ['its own identity and another', () => csr([san(url(WEB), url(`${WEB}x`))]), THIS_NAME],
    ['its own identity twice', () => csr([san(url(WEB), url(WEB))]), THIS_NAME],
    ['a DNS name besides', () => csr([san(url(WEB), { type: 'dns', value: 'istiod.istio-system.svc' })]), THIS_NAME],
    ['an IP address besides', () => csr([san(url(WEB), { type: 'ip', value: '10.0.0.1' })]), THIS_NAME],
    ['the identity as an e-mail address', () => csr([san({ type: 'email', value: WEB })]), THIS_NAME],
    ['a foreign trust domain', () => csr([san(url(WEB.replace('cluster.local', 'evil.example')))]), THIS_NAME],
    ['an empty list of names', () => csr([san()]), THIS_NAME],
    ['a NUL behind its name', () => csr([san(url(`${WEB}\u0000`))]), THIS_NAME],
    ['a NUL and another name behind its name', () => csr([san(url(`${WEB}\u0000.evil.example`))]), THIS_NAME],
    ['another letter case', () => csr([san(url(WEB.replace('web', 'Web')))]), THIS_NAME],
    ['a percent-encoded letter', () => csr([san(url(WEB.replace('web', 'we%62')))]), THIS_NAME],
    ['a Cyrillic letter', () => csr([san(url(WEB.replace('web', 'w\u0435b')))]), THIS_NAME],
    ['a slash at the end', () => csr([san(url(`${WEB}/`))]), THIS_NAME],
    ['rights of a CA', () => csr([san(url(WEB)), new x509.BasicConstraintsExtension(true)]), ONE_NAME],
    ['use for signing certificates', () => csr([new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)]), ONE_NAME],
    ['use for code signing', () => csr([new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning])]), ONE_NAME],
    ['the same extension twice', () => csr([san(url(WEB)), san(url(`${WEB}x`))]), ONE_NAME],
    ['an RSA key of 1024 bits', async () => csr([], await rsa(1024, [1, 0, 1])), 'CSR refused: want an RSA key of 2048 to 4096 bits'],
    ['an RSA exponent of 3', async () => csr([], await rsa(2048, [3])), 'CSR refused: want an odd RSA exponent of 65537 or more'],
    ['a signature with SHA-1', async () => csr([], await rsa(2048, [1, 0, 1], 'SHA-1'), { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-1' }), 'CSR refused: want a signature with SHA-256, SHA-384 or SHA-512'],
    ['a key on curve P-521', async () => csr([], await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-521' }, true, ['sign', 'verify']), { name: 'ECDSA', hash: 'SHA-512' }), 'CSR refused: want curve P-256 or P-384'],
    ['a huge size', () => Promise.resolve('A'.repeat(8193)), 'CSR refused: larger than 8192 bytes'],
    ['nothing in it', () => Promise.resolve(''), ONE_BLOCK],
    ['two requests in it', async () => (await csr([])) + '\n' + (await csr([])), ONE_BLOCK],
    ['text before it', async () => `Subject: CN=root\n${await csr([])}`, ONE_BLOCK],
    ['a certificate instead', async () => (await csr([])).replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), ONE_BLOCK],
    ['unicode in the PEM', async () => (await csr([])).replace('MI', 'M\u0406'), ONE_BLOCK],
    ['bytes after its end', async () => pem(Buffer.concat([await der(), Buffer.from([5, 0])])), 'CSR refused: not one DER sequence'],
    ['its end cut off', async () => pem((await der()).subarray(0, -1) as Buffer<ArrayBuffer>), 'CSR refused: not one DER sequence'],
    ['a length that is not minimal', async () => pem(lengthened(await der())), 'CSR refused: not one DER sequence'],
    ['other DER in it', () => Promise.resolve(pem(Buffer.from([0x30, 0]))), 'CSR refused: not a PKCS#10 request with a supported key'],
  ])('with %s is refused', async (_what, make, message) => {
    expect(await checkCsr(await make(), WEB)).toMatchObject({ ok: false, error: { code: 'CSR_INVALID', message } });
  }); // prettier-ignore

  it('whose signature is not by its key is refused', async () => {
    const bytes = await der();
    bytes[bytes.length - 3]! ^= 1;
    expect(await checkCsr(pem(bytes as Buffer<ArrayBuffer>), WEB)).toMatchObject({
      error: { message: 'CSR refused: its signature does not match its key' },
    });
  });

  it('with any byte of the signed part changed is refused, and with any other byte changed there is no exception', async () => {
    const good = await der();
    const outer = readDerElements(good, 0, good.length)![0]!;
    const signed = readDerElements(good, outer.start, outer.end)![0]!;
    expect((await checkCsr(pem(good as Buffer<ArrayBuffer>), WEB)).ok).toBe(true);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
        const bytes = Buffer.from(good);
        bytes[index]! ^= flip;
        const checked = await checkCsr(pem(bytes), WEB);
        if (index < signed.end) expect(checked.ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

/** The outer length in one byte more than needed. */
function lengthened(bytes: Buffer): Buffer<ArrayBuffer> {
  const count = bytes[1]! & 0x7f;
  return Buffer.concat([Buffer.from([0x30, 0x80 | (count + 1), 0]), bytes.subarray(2)]);
}
