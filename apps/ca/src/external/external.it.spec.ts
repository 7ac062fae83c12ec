import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import {
  CERTIFICATE_SIGNING_REQUESTS,
  SERVICE_ACCOUNTS,
  type CertificateSigningRequest,
  type Informer,
} from '@weft/kube';
import { createCsr, verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type CaClient } from '../testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const POD = { namespace: 'shop', account: 'web', node: 'n', name: 'web' };
const LATER = { code: status.UNAVAILABLE, details: 'the signing certificate is not available, try again' };
const DAY = { ttlSeconds: 86_400 };
const SIGNER = 'signer.example/mesh';

let rig: CaRig;
let folder: string;
beforeEach(async () => {
  rig = await CaRig.start();
  folder = mkdtempSync(join(tmpdir(), 'weft-external-'));
});
afterEach(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});
const file = (name: string, content?: string): string => {
  if (content !== undefined) writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

describe('the CertificateSigningRequest API', () => {
  /** What the signer does with a request instead of signing it. */
  let instead: ((request: CertificateSigningRequest) => object) | null;
  let requests: Informer<CertificateSigningRequest>;
  let seen: CertificateSigningRequest[];
  let client: CaClient;
  let token: string;

  beforeEach(async () => {
    instead = null;
    seen = [];
    const subject = ['-subj', '/O=signer', '-addext', 'keyUsage=critical,keyCertSign'];
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '9', ...subject);
    requests = rig.kube.informer(CERTIFICATE_SIGNING_REQUESTS);
    requests.on({ updated: (request) => void sign(request) });
    await requests.start();
    const ca = await rig.startCa({ EXTERNAL_CA: 'kubernetes', K8S_SIGNER: SIGNER, CA_EXTERNAL_ROOT: file('ca.pem') });
    client = rig.client(ca.grpc.port, readFileSync(file('ca.pem'), 'utf8'));
    token = await rig.startPod(POD);
  }); // prettier-ignore
  afterEach(() => requests.stop());

  /** A signer as others write it: signs what is approved with openssl. */
  async function sign(request: CertificateSigningRequest): Promise<void> {
    const approved = request.status?.conditions?.some(({ type }) => type === 'Approved') === true;
    if (!approved || request.status?.certificate !== undefined || request.spec.signerName !== SIGNER) return;
    seen.push(request);
    const name = request.metadata?.name ?? '';
    const answer = instead?.(request) ?? { certificate: signed(Buffer.from(request.spec.request, 'base64').toString()) };
    const where = { kind: 'merge', subresource: 'status' } as const;
    await rig.kube.patch(CERTIFICATE_SIGNING_REQUESTS, undefined, name, { status: answer }, where).catch(() => undefined);
  } // prettier-ignore
  function signed(csrPem: string): string {
    file('r.csr', csrPem);
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copyall'];
    openssl('x509', '-req', '-in', 'r.csr', ...signer, '-days', '1', '-out', 'r.pem');
    return readFileSync(file('r.pem')).toString('base64');
  }
  it('signs what this CA has authenticated and approved, and nothing is left of the requests', async () => {
    const { certChain } = await client.certify(token, WEB, DAY);
    const roots = readFileSync(file('ca.pem'), 'utf8');
    expect(verifyChain(certChain.slice(0, -1), roots, Date.now())).toEqual({ ok: true, value: WEB });
    expect(certChain.at(-1)?.trim()).toBe(roots.trim());
    await until(async () => (await rig.root('shop'))?.trim() === roots.trim(), 'the roots are distributed');
    expect(seen.at(-1)?.spec).toMatchObject({
      signerName: SIGNER,
      expirationSeconds: 86_400,
      usages: ['digital signature', 'key encipherment', 'server auth', 'client auth'],
    });
    const left = async (): Promise<number> => (await rig.kube.list(CERTIFICATE_SIGNING_REQUESTS)).length;
    await until(async () => (await left()) === 0, 'the requests are deleted');
  });

  it.each<[string, () => Promise<object>]>([
    ['denies', () => Promise.resolve({ conditions: [{ type: 'Denied', status: 'True', reason: 'Policy' }] })],
    ['fails', () => Promise.resolve({ conditions: [{ type: 'Failed', status: 'True', reason: 'Broken' }] })],
    ['answers with nonsense', () => Promise.resolve({ certificate: Buffer.from('x').toString('base64') })],
    ['certifies another identity', async () => ({ certificate: signed((await createCsr(`${WEB}x`)).csrPem) })],
    ['certifies another key', async () => ({ certificate: signed((await createCsr(WEB)).csrPem) })],
  ])('a signer that %s gets nothing through', async (_what, make) => {
    const answer = await make();
    instead = () => answer;
    await expect(client.certify(token, WEB, DAY)).rejects.toMatchObject(LATER);
    instead = null;
    await client.certify(token, WEB, DAY);
  });

  it('a signer that certifies for longer than was asked gets nothing through', async () => {
    await expect(client.certify(token, WEB, { ttlSeconds: 3600 })).rejects.toMatchObject(LATER);
  });

  it('gets no request that does not name its identity: a signer only copies', async () => {
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'w.key', '-out', 'w.csr', '-subj', '/');
    const csr = readFileSync(file('w.csr'), 'utf8');
    await expect(client.certify(token, WEB, { csr })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'CSR refused: it must name the identity that it is for',
    });
  }); // prettier-ignore
});

describe('another CA over gRPC', () => {
  async function startPair(registered: string): Promise<{ client: CaClient; root: string; token: string }> {
    const peer = await rig.startCa({ CA_REGISTRATION_ACCOUNTS: registered });
    await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
    const root = (await rig.root(SYSTEM))!;
    await rig.kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { namespace: SYSTEM, name: 'ra' } });
    const { token } = await rig.kube.createToken(SYSTEM, 'ra', { audiences: ['istio-ca'], expirationSeconds: 3600 });
    const ca = await rig.startCa({
      EXTERNAL_CA: 'grpc',
      CA_EXTERNAL_ADDRESS: `https://127.0.0.1:${peer.grpc.port}`,
      CA_EXTERNAL_SERVER_NAME: `weft-ca.${SYSTEM}.svc`,
      CA_EXTERNAL_ROOT: file('roots.pem', root),
      CA_EXTERNAL_TOKEN: file('token', token),
    });
    return { client: rig.client(ca.grpc.port, root), root, token: await rig.startPod(POD) };
  }

  it('signs for the callers that this one has authenticated', async () => {
    const { client, root, token } = await startPair(`${SYSTEM}/ra`);
    const { certChain } = await client.certify(token, WEB);
    expect(verifyChain(certChain.slice(0, -1), root, Date.now())).toEqual({ ok: true, value: WEB });
    await expect(client.certify('x', WEB)).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it('that does not know this one signs nothing, and this one does not start', async () => {
    await expect(startPair('')).rejects.toThrow(/the external authority did not sign: .*impersonation authentication/);
  });
});

it('without the roots of the external authority the CA does not start, and says what is missing', async () => {
  await expect(
    rig.startCa({ EXTERNAL_CA: 'kubernetes', K8S_SIGNER: SIGNER, CA_EXTERNAL_ROOT: '/nonexistent' }),
  ).rejects.toThrow(/file \/nonexistent: ENOENT.*It must hold the roots of the external authority/);
});
