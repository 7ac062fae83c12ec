import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AUTHORITY_KEY_TYPES,
  CertificateAuthority,
  checkCsr,
  createCsr,
  createRoot,
  KEY_TYPES,
  uriSansOfCertificate,
  type AuthorityMaterial,
} from './index.js';
import { x509 } from './x509.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const DAY = 86_400_000;
const PROGRAMS = join(__dirname, '../testdata');

interface Issued {
  readonly what: string;
  readonly file: string;
  readonly chain: readonly X509Certificate[];
  readonly roots: string;
}

let folder: string;
const all: Issued[] = [];
const inFolder = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const openssl = (...args: string[]): string => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' }).toString();

async function issue(what: string, material: AuthorityMaterial, dnsNames: readonly string[] = []): Promise<void> {
  const authority = await CertificateAuthority.load(material, Date.now());
  if (!authority.ok) throw authority.error;
  const roots = inFolder(`roots-${all.length}.pem`, material.rootsPem);
  for (const keyType of KEY_TYPES) {
    const csr = await checkCsr((await createCsr(WEB, keyType)).csrPem, WEB);
    if (!csr.ok) throw csr.error;
    const leaf = await authority.value.issue(csr.value.publicKey, { spiffeId: WEB, dnsNames, ttlMs: DAY, now: Date.now() });
    const pems = [leaf.pem, ...authority.value.intermediatesPem];
    const file = inFolder(`chain-${all.length}.pem`, pems.join(''));
    all.push({ what: `a ${keyType} key by ${what}`, file, chain: pems.map((pem) => new X509Certificate(pem)), roots });
  }
} // prettier-ignore

/** A signing certificate that openssl made under a root that openssl made, with another one between them. */
function pluggedIn(): AuthorityMaterial {
  const request = (name: string): string[] => ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-keyout', `${name}.key`, '-subj', `/CN=${name}`];
  openssl(...request('root'), '-x509', '-days', '99', '-out', 'root.pem', '-addext', 'keyUsage=critical,keyCertSign');
  for (const [name, issuer, length] of [['upper', 'root', 1], ['lower', 'upper', 0]] as const) {
    openssl(...request(name), '-out', `${name}.csr`);
    inFolder('ext', `basicConstraints=critical,CA:true,pathlen:${length}\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial', '-days', '9', '-extfile', 'ext', '-out', `${name}.pem`);
  }
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { certificateChainPem: read('lower.pem') + read('upper.pem'), privateKeyPem: read('lower.key'), rootsPem: read('root.pem') };
} // prettier-ignore

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-verifiers-'));
  for (const keyType of AUTHORITY_KEY_TYPES) {
    const root = await createRoot({ trustDomain: 'cluster.local', keyType, ttlMs: 9 * DAY, now: Date.now() });
    await issue(`an ${keyType} root`, root);
  }
  const old = { trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 11_000 * DAY, now: Date.now() } as const;
  await issue('a root that lives beyond 2050, with DNS names', await createRoot(old), ['a.example', '*.b.example']);
  await issue('an intermediate authority of a plugged-in root', pluggedIn());
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each(['sslclient', 'sslserver'])('openssl verify -x509_strict -purpose %s accepts every certificate', (purpose) => {
  for (const { what, file, roots } of all) {
    const run = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', roots, '-untrusted', file, file];
    expect(`${what}: ${openssl(...run).trim()}`).toBe(`${what}: ${file}: OK`);
  }
});

/** What a Go program says about each certificate. Null if its modules cannot be downloaded here. */
function goSays(program: string): readonly string[] | null {
  const binary = join(folder, program);
  const cwd = join(PROGRAMS, program);
  try {
    execFileSync('go', ['build', '-o', binary, '.'], { cwd, stdio: 'pipe', env: { ...process.env, GOFLAGS: '-mod=readonly', PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin` } });
  } catch (failure) {
    const { stderr = '' } = failure as { stderr?: Buffer | string };
    if (/dial tcp|no such host|i\/o timeout|module lookup disabled/.test(String(stderr))) return null;
    throw new Error(`${program} cannot be built (is Go 1.24 or newer installed?): ${String(stderr) || String(failure)}`, { cause: failure });
  }
  const roots = new Set(all.map((each) => each.roots));
  return [...roots].flatMap((file) => {
    const files = all.filter((each) => each.roots === file).map((each) => each.file);
    return execFileSync(binary, [file, ...files]).toString().trim().split('\n');
  });
} // prettier-ignore

it("Go's crypto/x509 accepts every certificate for servers and for clients", () => {
  expect(goSays('go-x509')).toEqual(all.map(({ file }) => `${file}: OK ${WEB}`));
});

it('go-spiffe accepts every certificate as an X.509-SVID', () => {
  const said = goSays('go-spiffe');
  if (said === null) process.stderr.write('go-spiffe was not asked: its module cannot be downloaded here\n');
  else expect(said).toEqual(all.map(({ file }) => `${file}: OK ${WEB}`));
});

describe('every certificate keeps the specification of X.509-SVIDs', () => {
  const eachLeaf = (check: (leaf: x509.X509Certificate, raw: Buffer) => void): void => {
    for (const { chain } of all) check(new x509.X509Certificate(chain[0]!.raw), chain[0]!.raw);
  };
  const usagesOf = (certificate: x509.X509Certificate) => certificate.getExtension(x509.KeyUsagesExtension);
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;

  it('2: exactly one URI SAN, which is the SPIFFE ID; other SANs only beside it', () => {
    eachLeaf((_leaf, raw) => expect(uriSansOfCertificate(raw)).toEqual([WEB]));
  });
  it('2: no longer than 2048 bytes, with a trust domain and a path', () => {
    eachLeaf((_leaf, raw) => expect(uriSansOfCertificate(raw)[0]).toMatch(/^(?=.{1,2048}$)spiffe:\/\/[a-z0-9._-]+\/[^?#]+$/));
  }); // prettier-ignore
  it('4.1: cA is not set in a leaf', () => {
    eachLeaf((leaf) => expect(leaf.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false));
  });
  it('4.3: key usage is there and critical; a leaf has digitalSignature and neither keyCertSign nor cRLSign', () => {
    eachLeaf((leaf) => {
      const usages = usagesOf(leaf);
      expect(usages?.critical).toBe(true);
      expect((usages?.usages ?? 0) & (digitalSignature | keyCertSign | cRLSign)).toBe(digitalSignature);
    });
  });
  it('4.4: extended key usage is for servers and for clients', () => {
    eachLeaf((leaf) => {
      const usages = leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages;
      expect(usages).toEqual([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]);
    });
  });
  it('RFC 5280 4.2.1.6: the subject is empty, so the SAN is critical', () => {
    eachLeaf((leaf) => {
      expect(leaf.subject).toBe('');
      expect(leaf.getExtension(x509.SubjectAlternativeNameExtension)?.critical).toBe(true);
    });
  });
  it('RFC 5280 4.1.2.2: serial numbers are positive, at most 20 octets, and never the same', () => {
    const serials = all.map(({ chain }) => chain[0]!.serialNumber);
    expect(new Set(serials).size).toBe(all.length);
    for (const serial of serials) expect(serial).toMatch(/^(?=[0-7])[0-9A-F]{2,40}$/);
  });
  it('3.2, 4.1, 4.3: a signing certificate has cA, keyCertSign, and no SPIFFE ID with a path', () => {
    for (const { roots } of all) {
      const root = new x509.X509Certificate(readFileSync(roots, 'utf8'));
      expect(root.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: true, critical: true });
      expect((usagesOf(root)?.usages ?? 0) & keyCertSign).toBe(keyCertSign);
      expect(uriSansOfCertificate(Buffer.from(root.rawData))).toEqual([]);
    }
  });
});
