import { status } from '@grpc/grpc-js';
import { PODS, SERVICE_ACCOUNTS } from '@weft/kube';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type CaClient } from './testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const POD = { namespace: 'shop', account: 'web', node: 'node-1', name: 'web' };

let rig: CaRig;
let client: CaClient;
beforeEach(async () => {
  rig = await CaRig.start();
  const ca = await rig.startCa();
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  client = rig.client(ca.grpc.port, (await rig.root(SYSTEM))!);
});
afterEach(() => rig.close());

const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
function withClaims(token: string, change: object): string {
  const [header, body, signature] = token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  return [header, part({ ...claims, ...change }), signature].join('.');
}

describe('a token', () => {
  it.each<[string, () => Promise<string>]>([
    ['that is no JWT', () => Promise.resolve('x')],
    ['of 7000 characters', () => Promise.resolve('x'.repeat(7000))],
    ['whose lifetime was changed', async () => withClaims(await rig.startPod(POD), { exp: 4e9 })],
    ['whose service account was changed', async () => withClaims(await rig.startPod(POD), { sub: 'system:serviceaccount:istio-system:ztunnel' })],
    ['without a signature', async () => [part({ alg: 'none' }), (await rig.startPod(POD)).split('.')[1], ''].join('.')],
    [
      'of another issuer',
      async () => {
        const other = await CaRig.start();
        const token = await other.startPod(POD);
        await other.close();
        return token;
      },
    ],
    [
      'for another audience',
      async () => {
        await rig.startPod(POD);
        return (await rig.kube.createToken('shop', 'web', { audiences: ['vault'], expirationSeconds: 3600 })).token;
      },
    ],
    [
      'replayed after its pod was deleted',
      async () => {
        const token = await rig.startPod(POD);
        await rig.kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
        return token;
      },
    ],
    [
      'replayed after a pod of the same name was made again',
      async () => {
        const token = await rig.startPod(POD);
        await rig.kube.delete(PODS, 'shop', 'web', { gracePeriodSeconds: 0 });
        await rig.startPod(POD);
        return token;
      },
    ],
    [
      'of a service account that was deleted',
      async () => {
        const token = await rig.startPod(POD);
        await rig.kube.delete(SERVICE_ACCOUNTS, 'shop', 'web');
        return token;
      },
    ],
  ])('%s is refused, and the caller is told no more than that', async (_which, make) => {
    await expect(client.certify(await make(), WEB)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'authentication failed',
    });
  }); // prettier-ignore

  it.each([
    ['exists elsewhere', 'spiffe://cluster.local/ns/shop/sa/db'],
    ['exists nowhere', 'spiffe://cluster.local/ns/shop/sa/nobody'],
    ['is of a foreign trust domain', 'spiffe://evil.example/ns/shop/sa/web'],
    ['is no identity of a mesh', 'spiffe://cluster.local/anything'],
    ['has a NUL', 'spiffe://cluster.local/ns/shop/sa/web\u0000'],
    ['has a Cyrillic letter', 'spiffe://cluster.local/ns/shop/sa/w\u0435b'],
    ['climbs up', 'spiffe://cluster.local/ns/shop/sa/..'],
  ])('of a node proxy that asks for an identity that %s gets the same answer', async (_what, spiffeId) => {
    await rig.startPod({ ...POD, account: 'db', node: 'node-2', name: 'db' });
    const token = await rig.startPod({ ...POD, namespace: SYSTEM, account: 'ztunnel', name: 'ztunnel' });
    await expect(client.certify(token, spiffeId, { impersonate: true, csr: 'x' })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'request impersonation authentication failure',
    });
  });
});
