import { SECRETS } from '@weft/kube';
import { createRoot } from '@weft/spiffe';
import { CaRig, SYSTEM } from './testing/ca-rig.js';

const DAY_MS = 86_400_000;
const NOWHERE = { ROOT_CA_DIR: '/nonexistent' };
type Data = Readonly<Record<string, string>>;

let rig: CaRig;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

async function rootOf(ageMs: number): Promise<Data> {
  const options = { trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 30 * DAY_MS } as const;
  const { certificateChainPem, privateKeyPem } = await createRoot({ ...options, now: Date.now() - ageMs });
  return { 'ca-cert.pem': certificateChainPem, 'ca-key.pem': privateKeyPem, 'root-cert.pem': certificateChainPem };
}

const encoded = (data: Data): Data =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));

const KINDS: readonly (readonly [string, () => Promise<Data>, RegExp])[] = [
  ['without its key', async () => ({ ...(await rootOf(0)), 'ca-key.pem': '' }), /there is no private key|ca-key.pem/],
  ['without its certificate', async () => ({ ...(await rootOf(0)), 'ca-cert.pem': '' }), /not a PEM certificate|ca-cert.pem/],
  ['with nonsense for a certificate', async () => ({ ...(await rootOf(0)), 'ca-cert.pem': 'x' }), /not a PEM certificate/],
  ['with the key of another root', async () => ({ ...(await rootOf(0)), 'ca-key.pem': (await rootOf(0))['ca-key.pem']! }), /the private key does not belong to it/],
  ['that has expired', () => rootOf(31 * DAY_MS), /it expired at 20/],
  ['of the future', () => rootOf(-DAY_MS), /it is not valid before 20/],
  ['with the bundle of another root', async () => ({ ...(await rootOf(0)), 'root-cert.pem': (await rootOf(0))['root-cert.pem']! }), /does not lead to a root of the bundle/],
]; // prettier-ignore

describe.each([
  ['Secret istio-ca-secret', 'istio-ca-secret', {}],
  ['Secret cacerts', 'cacerts', { 'cert-chain.pem': '' }],
])('%s at the start', (_, name, more: Data) => {
  it.each(KINDS)('%s is refused with the reason, and nothing is written anywhere', async (_what, make, reason) => {
    const data = encoded({ ...more, ...(await make()) });
    await rig.kube.create(SECRETS, { metadata: { namespace: SYSTEM, name }, data });
    const before = await rig.kube.list(SECRETS, { namespace: SYSTEM });
    await expect(rig.startCa(NOWHERE)).rejects.toMatchObject({
      code: 'CA_ROOT_UNUSABLE',
      message: expect.stringMatching(reason) as string,
    });
    expect(await rig.kube.list(SECRETS, { namespace: SYSTEM })).toEqual(before);
    expect(await rig.root('shop')).toBeUndefined();
  });
});
