import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { CONFIG_MAPS, PODS } from '@weft/kube';
import { createCsr, verifyChain } from '@weft/spiffe';
import { TestAuthority } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type CaClient, type RunningCa } from '../testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const POD = { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' };
const REFUSED = { code: status.UNAUTHENTICATED, details: 'authentication failed' };

let rig: CaRig;
let rootsPem: string;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningCa> {
  const ca = await rig.startCa(env);
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  rootsPem = (await rig.root(SYSTEM))!;
  return ca;
}

describe('a client certificate of the mesh', () => {
  /** The SVID of a pod, got by its token. */
  async function svid(ca: RunningCa): Promise<{ certificateChainPem: string; privateKeyPem: string }> {
    const token = await rig.startPod(POD);
    const { csrPem, privateKeyPem } = await createCsr(WEB);
    const { certChain } = await rig.client(ca.grpc.port, rootsPem).certify(token, WEB, { csr: csrPem });
    return { certificateChainPem: certChain.slice(0, -1).join(''), privateKeyPem };
  }

  it('renews itself without a token, and gets no other identity', async () => {
    const ca = await start();
    const client = rig.client(ca.grpc.port, rootsPem, await svid(ca));
    const { certChain } = await client.certify(null, WEB);
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
    const db = 'spiffe://cluster.local/ns/shop/sa/db';
    await rig.startPod({ ...POD, account: 'db', name: 'db' });
    await expect(client.certify(null, db)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(client.certify(null, db, { impersonate: true })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'request impersonation authentication failure',
    });
  });

  it('is good only as long as its service account has a live pod, unless the CA is told otherwise', async () => {
    const ca = await start();
    const identity = await svid(ca);
    const client = rig.client(ca.grpc.port, rootsPem, identity);
    await client.certify(null, WEB);
    await rig.kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
    const refused = () => client.certify(null, WEB).then(() => false, () => true); // prettier-ignore
    await until(refused, 'the CA has seen the pod go');
    await expect(client.certify(null, WEB)).rejects.toMatchObject(REFUSED);
    const lenient = await rig.startCa({ CA_AUTH_CLIENT_CERTIFICATE: 'any' });
    await rig.client(lenient.grpc.port, rootsPem, identity).certify(null, WEB);
  });

  it('of another authority is refused, and so is any where that is switched off', async () => {
    const ca = await start();
    const foreign = await (await TestAuthority.create()).issue(WEB);
    await rig.startPod(POD);
    await expect(rig.client(ca.grpc.port, rootsPem, foreign).certify(null, WEB)).rejects.toMatchObject(REFUSED);
    await rig.kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
    const identity = await svid(ca);
    const strict = await rig.startCa({ CA_AUTH_CLIENT_CERTIFICATE: 'off' });
    await expect(rig.client(strict.grpc.port, rootsPem, identity).certify(null, WEB)).rejects.toMatchObject(REFUSED);
  });

  it.each<[string, (serial: string) => Record<string, string>]>([
    ['by its serial number', (serial) => ({ serials: serial })],
    ['with all others of its identity', () => ({ identities: `${WEB} before ${new Date(Date.now() + 1000).toISOString()}` })],
  ])('that was taken back %s is refused', async (_how, data) => {
    const ca = await start();
    const identity = await svid(ca);
    const client = rig.client(ca.grpc.port, rootsPem, identity);
    await client.certify(null, WEB);
    const serial = new X509Certificate(identity.certificateChainPem).serialNumber;
    await rig.kube.create(CONFIG_MAPS, { metadata: { namespace: SYSTEM, name: 'ca-revocations' }, data: data(serial) });
    const refused = () => client.certify(null, WEB).then(() => false, () => true); // prettier-ignore
    await until(refused, 'the CA has seen the revocation');
    await expect(client.certify(null, WEB)).rejects.toMatchObject(REFUSED);
  }); // prettier-ignore

  it('that nobody showed is not missed by who has a token', async () => {
    const ca = await start();
    await rig.client(ca.grpc.port, rootsPem).certify(await rig.startPod(POD), WEB);
  });
});

describe('a token of another issuer', () => {
  let issuer: Server;
  let folder: string;
  let key: CryptoKey;
  let client: CaClient;
  let rule: string;
  beforeEach(async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    key = privateKey;
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] });
    const authority = await TestAuthority.create();
    const own = await authority.issue('spiffe://x/ns/y/sa/z', { dnsNames: ['localhost'] });
    issuer = createServer({ cert: own.certificateChainPem, key: own.privateKeyPem }, (_request, answer) => answer.end(keys));
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    folder = mkdtempSync(join(tmpdir(), 'weft-oidc-'));
    writeFileSync(join(folder, 'roots.pem'), authority.rootsPem);
    const jwksUri = `https://localhost:${(issuer.address() as AddressInfo).port}/keys`;
    rule = JSON.stringify({ issuer: 'https://vms.example', audiences: ['istio-ca'], jwksUri });
    const ca = await start({ JWT_RULE: rule, CA_OIDC_ROOT_CERT: join(folder, 'roots.pem'), CA_AUTH_TOKEN_REVIEW: 'false' });
    client = rig.client(ca.grpc.port, rootsPem);
  }); // prettier-ignore
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    issuer.closeAllConnections();
    await new Promise((resolve) => issuer.close(resolve));
  });
  const token = (aud = 'istio-ca'): Promise<string> =>
    new SignJWT({ sub: 'system:serviceaccount:shop:web' })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer('https://vms.example')
      .setAudience(aud)
      .setExpirationTime('10m')
      .sign(key);

  it('gets the identity of its subject, for the right audience only', async () => {
    const { certChain } = await client.certify(await token(), WEB);
    expect(verifyChain(certChain.slice(0, -1), rootsPem, Date.now())).toEqual({ ok: true, value: WEB });
    await expect(client.certify(await token('vault'), WEB)).rejects.toMatchObject(REFUSED);
  });

  it('gets no other identity, even if it calls itself a node proxy', async () => {
    await expect(client.certify(await token(), WEB, { impersonate: true })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'request impersonation authentication failure',
    });
  });

  it('is the only kind where the tokens of this cluster are switched off', async () => {
    await expect(client.certify(await rig.startPod(POD), WEB)).rejects.toMatchObject(REFUSED);
  });

  it('is not judged without the keys of its issuer', async () => {
    const ca = await rig.startCa({ JWT_RULE: rule.replace('/keys', '/keys?'), CA_AUTH_TOKEN_REVIEW: 'false' });
    await expect(rig.client(ca.grpc.port, rootsPem).certify(await token(), WEB)).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'authentication is not available, try again',
    });
  });
});
