import fc from 'fast-check';
import { X509Certificate } from 'node:crypto';
import { readCertificationRequest } from './certification-request.js';
import {
  CertificateAuthority,
  checkCsr,
  createCsr,
  createRoot,
  KEY_TYPES,
  verifyChain,
  type KeyType,
} from './index.js';
import { x509 } from './x509.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const HOUR = 3_600_000;
const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
const pemOf = (der: Uint8Array): string => x509.PemConverter.encode(new Uint8Array(der), 'CERTIFICATE REQUEST');

/** What @peculiar/x509 makes of a request: its key and names if it is a good one, else null. */
async function byLibrary(der: Uint8Array): Promise<{ spki: Buffer; extensions: string[] } | null> {
  try {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
    if (!(await request.verify())) return null;
    return {
      spki: Buffer.from(request.publicKey.rawData),
      extensions: request.extensions.map(({ value }) => Buffer.from(value).toString('latin1')),
    };
  } catch {
    return null;
  }
}

describe('a request that is accepted', () => {
  const requests = new Map<KeyType, Buffer>();
  beforeAll(async () => {
    for (const type of KEY_TYPES) requests.set(type, derOf((await createCsr(WEB, type)).csrPem));
  });

  it.each(KEY_TYPES)('with a %s key reads the same to an independent library', async (type) => {
    const der = requests.get(type)!;
    const read = readCertificationRequest(der);
    const library = await byLibrary(der);
    if (!read.ok || library === null) throw new Error('both accept it');
    expect(read.value.key.spki).toEqual(library.spki);
    expect(read.value.subjectAltName?.toString('latin1')).toBe(library.extensions[0]);
  });

  it.each(KEY_TYPES)('with a %s key leads to a certificate of that key', async (type) => {
    const now = Date.now();
    const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p384', ttlMs: HOUR, now });
    const authority = await CertificateAuthority.load(root, now);
    const csr = await checkCsr(pemOf(requests.get(type)!), WEB);
    if (!authority.ok || !csr.ok) throw new Error('both are good');
    const leaf = await authority.value.issue(csr.value.publicKey, { spiffeId: WEB, ttlMs: HOUR, now });
    expect(new X509Certificate(leaf.pem).publicKey.export({ format: 'der', type: 'spki' })).toEqual(
      csr.value.publicKey.spki,
    );
    expect(verifyChain([leaf.pem], root.rootsPem, now)).toEqual({ ok: true, value: WEB });
  });

  it('after random damage is one that an independent library reads the same', async () => {
    const types = fc.constantFrom<KeyType>('ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'ed25519');
    const edit = fc.record({ at: fc.nat(2000), put: fc.uint8Array({ maxLength: 3 }), cut: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(types, fc.array(edit, { minLength: 1, maxLength: 3 }), async (type, edits) => {
        let der: Buffer = requests.get(type)!;
        for (const { at, put, cut } of edits) {
          const where = at % der.length;
          der = Buffer.concat([der.subarray(0, where), put, der.subarray(where + cut)]);
        }
        const checked = await checkCsr(pemOf(der), WEB);
        if (!checked.ok) return;
        const library = await byLibrary(der);
        expect(library?.spki).toEqual(checked.value.publicKey.spki);
      }),
      { numRuns: 300 },
    );
  });
});

describe('bytes that are no request', () => {
  /** DER that is well formed as such, of any meaning. */
  const { element } = fc.letrec<{ element: Buffer }>((tie) => ({
    element: fc
      .tuple(
        fc.constantFrom(0x30, 0x30, 0x31, 0xa0, 0x02, 0x03, 0x04, 0x06, 0x01),
        fc.oneof(
          { depthSize: 'small' },
          fc.uint8Array({ maxLength: 12 }),
          fc.array(tie('element'), { maxLength: 4 }).map((list) => Buffer.concat(list)),
        ),
      )
      .filter(([, content]) => content.length < 128)
      .map(([tag, content]) => Buffer.concat([Buffer.of(tag, content.length), content])),
  }));

  it('are refused with a sentence, never an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), element), (bytes) => {
        const read = readCertificationRequest(Buffer.from(bytes));
        expect(read.ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});
