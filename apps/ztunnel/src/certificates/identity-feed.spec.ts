import { checkCsr, CertificateAuthority, createRoot, SecretManager, type CertificateSigner } from '@weft/spiffe';
import { FakeClock, until } from '@weft/testing-fixtures';
import { FakeDataPlane } from '../testing/fake-data-plane.js';
import { IdentityFeed } from './identity-feed.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

async function rig() {
  const clock = new FakeClock();
  const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 1e10, now: clock.now() });
  const authority = await CertificateAuthority.load(root, clock.now());
  if (!authority.ok) throw authority.error;
  const ca = { away: false, calls: 0 };
  const signer: CertificateSigner = {
    sign: async (csrPem, spiffeId, ttlSeconds) => {
      ca.calls++;
      if (ca.away) throw new Error('the CA is away');
      const csr = await checkCsr(csrPem, spiffeId);
      if (!csr.ok) throw csr.error;
      const options = { spiffeId, ttlMs: ttlSeconds * 1000, now: clock.now() };
      return [(await authority.value.issue(csr.value.publicKey, options)).pem, root.rootsPem];
    },
  };
  const certificates = new SecretManager({ signer, clock, ttlSeconds: 3600 });
  const dataPlane = new FakeDataPlane();
  const issued: string[] = [];
  const warnings: string[] = [];
  const feed = new IdentityFeed({
    certificates,
    dataPlane,
    clock,
    log: { warn: (_fields, message) => warnings.push(message) },
    onIdentity: (spiffeId) => issued.push(spiffeId),
  });
  return { clock, ca, dataPlane, issued, warnings, feed };
}

describe('IdentityFeed', () => {
  it('gives workers an identity as soon as it is needed, and drops it when it is not', async () => {
    const { feed, dataPlane, issued } = await rig();
    feed.setNeeded(new Set([WEB]));
    await until(() => dataPlane.of('setIdentity').length === 1, 'the certificate arrives');
    feed.setNeeded(new Set([WEB]));
    expect(issued).toEqual([WEB]);
    feed.setNeeded(new Set());
    expect(dataPlane.of('dropIdentity')).toEqual([{ type: 'dropIdentity', spiffeId: WEB }]);
  });

  it('never asks for an identity that has no pod here, whoever wants it', async () => {
    const { feed, ca, warnings } = await rig();
    await feed.needed('spiffe://cluster.local/ns/kube-system/sa/admin', 0);
    expect(ca.calls).toBe(0);
    expect(warnings).toEqual(['a connection asks for an identity that has no pod on this node']);
  });

  it('sends what is there again to a worker that lost it', async () => {
    const { feed, dataPlane } = await rig();
    feed.setNeeded(new Set([WEB]));
    await until(() => dataPlane.of('setIdentity').length === 1, 'the certificate arrives');
    await feed.needed(WEB, 0);
    expect(dataPlane.of('setIdentity')).toHaveLength(2);
  });

  it('asks again soon while a connection waits, however long the CA has been away', async () => {
    const { feed, ca, clock, dataPlane } = await rig();
    ca.away = true;
    feed.setNeeded(new Set([WEB]));
    await clock.advance(600_000);
    const before = ca.calls;
    let waiting = true;
    void feed.needed(WEB, 0).then(() => (waiting = false));
    const over = async (): Promise<boolean> => {
      await clock.advance(50);
      return !waiting;
    };
    const asked = (times: number) => async () => {
      await clock.advance(50);
      return ca.calls - before >= times;
    };
    // The back-off of the certificate manager alone has reached 150 s by now.
    const start = clock.now();
    await until(asked(2), 'the CA is asked again');
    ca.away = false;
    // What was asked until now may all have been in vain.
    await until(async () => {
      await clock.advance(50);
      return dataPlane.of('setIdentity').length === 1;
    }, 'the CA is asked once more, and the certificate arrives');
    expect(clock.now() - start).toBeLessThan(60_000);
    await until(over, 'the wait is over');
  });
});
