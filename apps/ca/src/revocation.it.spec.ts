import { X509Certificate } from 'node:crypto';
import { CONFIG_MAPS, EVENTS, SECRETS } from '@weft/kube';
import { RevocationList, splitPemCertificates } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { EMERGENCY, ROTATE_ANNOTATION, STAGE_ANNOTATION } from './root-record.js';
import { CaRig, SYSTEM } from './testing/ca-rig.js';

/**
 * A replica stops issuing after six refreshes in vain, so this is what a stall of the machine may last; and a stage of a rotation
 * lasts as long plus the wait.
 */
const FAST = { CA_ROOT_REFRESH: '500ms', CA_ROTATION_WAIT: '500ms', ROOT_CA_DIR: '/nonexistent' };
const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
let rig: CaRig;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

const revoke = (data: Record<string, string>): Promise<unknown> =>
  rig.kube.apply(
    CONFIG_MAPS,
    { metadata: { namespace: SYSTEM, name: 'ca-revocations' }, data },
    { fieldManager: 'kubectl', force: true },
  );
const published = async (namespace: string, key = 'ca-crl.pem'): Promise<string> =>
  (await rig.kube.get(CONFIG_MAPS, namespace, 'istio-ca-crl'))?.data?.[key] ?? '';
const annotate = (value: string): Promise<unknown> =>
  rig.kube.patch(
    SECRETS,
    SYSTEM,
    'istio-ca-secret',
    { metadata: { annotations: { [ROTATE_ANNOTATION]: value } } },
    { kind: 'merge' },
  );

async function workload() {
  const ca = await rig.startCa(FAST);
  await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
  const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
  const client = rig.client(ca.grpc.port, (await rig.root('shop'))!);
  return { ca, certify: async () => (await client.certify(token, WEB)).certChain };
}

/** As a proxy would judge that knows the roots of the answer. */
async function refusal(chain: readonly string[]): Promise<string | null> {
  const list = RevocationList.read(Buffer.from(await published('shop')), [chain.at(-1)!]);
  if (!list.ok) throw list.error;
  const leafs = chain.slice(0, -1).map((pem) => new X509Certificate(pem));
  const root = splitPemCertificates(chain.at(-1)!)
    .map((pem) => new X509Certificate(pem))
    .find((candidate) => leafs.at(-1)!.verify(candidate.publicKey));
  return list.value.refusal([...leafs, root!].map(({ raw }) => raw));
}

const serialOf = (chain: readonly string[]): string => new X509Certificate(chain[0]!).serialNumber;

describe('what an operator writes into ConfigMap ca-revocations', () => {
  it('is published as a CRL in every namespace, lifted when it is taken out, and never written before', async () => {
    const { certify } = await workload();
    const [one, other] = [await certify(), await certify()];
    expect(await published('shop')).toBe('');
    await revoke({ serials: `${serialOf(one)} # found on a stick` });
    await until(async () => (await published('shop')) !== '', 'the CRL is there');
    await until(async () => (await published(SYSTEM)) === (await published('shop')), 'it is in the others, too');
    expect(await refusal(one)).toMatch(/^certificate .* is revoked$/);
    expect(await refusal(other)).toBeNull();
    await revoke({});
    await until(async () => (await refusal(one)) === null, 'it is lifted');
  });

  it('stops the issuance to an identity, unless a time is given: then only what is older is taken back', async () => {
    const { certify } = await workload();
    const old = await certify();
    await revoke({ identities: WEB });
    await until(async () => (await published('shop')) !== '', 'the CRL is there');
    expect(await refusal(old)).toBe(`identity ${WEB} is revoked`);
    await expect(certify()).rejects.toMatchObject({ details: 'the identity is revoked' });
    await revoke({ identities: `${WEB} before ${new Date(Date.now() + 60_000).toISOString()}` });
    await until(
      async () =>
        certify().then(
          () => true,
          () => false,
        ),
      'certificates are issued again',
    );
    expect(await refusal(old)).toBe(`identity ${WEB} is revoked`);
  });

  it('is read line by line: a bad line is an event on the ConfigMap', async () => {
    const { certify } = await workload();
    const chain = await certify();
    await revoke({ serials: `nonsense\n${serialOf(chain)}` });
    await until(async () => (await published('shop')) !== '', 'the CRL is there');
    expect(await refusal(chain)).not.toBeNull();
    await rig.kube.eventsWritten();
    const events = await rig.kube.list(EVENTS, { namespace: SYSTEM });
    expect(events.find(({ reason }) => reason === 'RevocationRefused')?.message).toBe(
      'serials, line 1: want a serial number in hexadecimal',
    );
  });

  it('is signed once: another replica publishes the same list, and a changed ConfigMap is repaired', async () => {
    const { ca, certify } = await workload();
    await revoke({ serials: serialOf(await certify()) });
    await until(async () => (await published('shop')) !== '', 'the CRL is there');
    const first = await published('shop');
    await ca.stop();
    await rig.kube.patch(CONFIG_MAPS, 'shop', 'istio-ca-crl', { data: { 'ca-crl.pem': 'x' } }, { kind: 'merge' });
    await rig.startCa(FAST);
    await until(async () => (await published('shop')) === first, 'it is as it was', 20_000);
  });

  it('holds for certificates of the old root, too, while a rotation is under way', async () => {
    const { certify } = await workload();
    const old = await certify();
    await annotate('now');
    const stage = async () =>
      (await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.metadata?.annotations?.[STAGE_ANNOTATION];
    await until(async () => (await stage()) === 'signing', 'the new root signs');
    const both = (await rig.root('shop'))!;
    await revoke({ serials: serialOf(old) });
    await until(async () => (await published('shop')) !== '', 'the CRL is there');
    expect(await refusal([...old.slice(0, -1), both])).not.toBeNull();
  });
});

describe('the emergency', () => {
  it('replaces the root at once on every replica, distrusts the old one, and says so', async () => {
    const { ca, certify } = await workload();
    const follower = await rig.startCa(FAST);
    const old = (await rig.root('shop'))!;
    await certify();
    await annotate(EMERGENCY);
    await until(async () => (await published('shop', 'distrusted-roots.pem')) !== '', 'the old root is distrusted');
    expect((await published('shop', 'distrusted-roots.pem')).trim()).toBe(old.trim());
    await until(async () => (await rig.root('shop')) !== old, 'the new root is distributed');
    const fresh = (await rig.root('shop'))!;
    expect(splitPemCertificates(fresh)).toHaveLength(1);
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web-2' });
    for (const replica of [ca, follower]) {
      await until(async () => {
        const answer = await rig
          .client(replica.grpc.port, fresh)
          .certify(token, WEB)
          .catch(() => null);
        return answer?.certChain.at(-1) === fresh;
      }, 'it signs with the new root');
    }
    expect((await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.metadata?.annotations).toEqual({
      [STAGE_ANNOTATION]: 'stable',
    });
    await rig.kube.eventsWritten();
    const events = await rig.kube.list(EVENTS, { namespace: SYSTEM });
    expect(events.filter(({ reason }) => reason === 'RootReplaced')).toHaveLength(1);
  });
});
