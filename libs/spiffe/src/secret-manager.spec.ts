import { FakeClock, until } from '@weft/testing-fixtures';
import {
  CaBusyError,
  CertificateAuthority,
  checkCsr,
  createRoot,
  SecretManager,
  type CertificateSigner,
  type Svid,
} from './index.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const HOUR = 3_600_000;

/** A CA in memory that counts requests, can be told to fail, and can hold answers back. */
class TestSigner implements CertificateSigner {
  calls: string[] = [];
  failing = false;
  busyMs: number | null = null;
  gate: Promise<void> = Promise.resolve();
  #authority: CertificateAuthority | null = null;

  constructor(private readonly clock: FakeClock) {}

  async sign(csrPem: string, spiffeId: string, ttlSeconds: number): Promise<readonly string[]> {
    this.calls.push(spiffeId);
    await this.gate;
    if (this.busyMs !== null) throw new CaBusyError(this.busyMs, 'busy');
    if (this.failing) throw new Error('the CA is away');
    this.#authority ??= await this.#create();
    const csr = await checkCsr(csrPem, spiffeId);
    if (!csr.ok) throw csr.error;
    const leaf = await this.#authority.issue(csr.value.publicKey, {
      spiffeId,
      ttlMs: ttlSeconds * 1000,
      now: this.clock.now(),
    });
    return [leaf.pem, this.#authority.material.rootsPem];
  }

  async #create(): Promise<CertificateAuthority> {
    const root = await createRoot({
      trustDomain: 'cluster.local',
      keyType: 'ecdsa-p256',
      ttlMs: 9000 * HOUR,
      now: this.clock.now(),
    });
    const loaded = await CertificateAuthority.load(root, this.clock.now());
    if (!loaded.ok) throw loaded.error;
    return loaded.value;
  }
}

function setUp(concurrency?: number) {
  const clock = new FakeClock();
  const signer = new TestSigner(clock);
  const failures: string[] = [];
  const manager = new SecretManager({
    signer,
    clock,
    ttlSeconds: 24 * 3600,
    random: () => 0.5,
    onFailure: (_id, error) => failures.push(error.message),
    ...(concurrency === undefined ? {} : { concurrency }),
  });
  return { clock, signer, manager, failures };
}

describe('SecretManager', () => {
  it('sends one request however many callers wait', async () => {
    const { signer, manager } = setUp();
    const svids = await Promise.all(Array.from({ length: 20 }, () => manager.get(WEB)));
    expect(new Set(svids).size).toBe(1);
    expect(signer.calls).toHaveLength(1);
    manager.close();
  });

  it('renews at about half of the lifetime and tells the watchers', async () => {
    const { clock, signer, manager } = setUp();
    const seen: Svid[] = [];
    manager.watch(WEB, (svid) => seen.push(svid));
    await manager.get(WEB);
    await clock.advance(10 * HOUR);
    expect(seen).toHaveLength(1);
    await clock.advance(3 * HOUR);
    await until(() => seen.length === 2, 'the renewed SVID arrives');
    expect(signer.calls).toHaveLength(2);
    expect(seen[1]!.notAfter.getTime()).toBeGreaterThan(seen[0]!.notAfter.getTime());
    manager.close();
  });

  it('keeps the old SVID in use while the CA is away, and never gives out an expired one', async () => {
    const { clock, signer, manager, failures } = setUp();
    const first = await manager.get(WEB);
    signer.failing = true;
    await clock.advance(13 * HOUR);
    for (let attempt = 1; attempt <= 4; attempt++) {
      await until(() => failures.length >= attempt, `attempt ${attempt} has failed`);
      expect(await manager.get(WEB)).toBe(first);
      await clock.advance(150_000);
    }
    await clock.advance(12 * HOUR);
    await until(() => manager.states().get(WEB)?.kind === 'unavailable', 'an attempt fails after the SVID expired');
    await expect(manager.get(WEB)).rejects.toThrow('the CA is away');
    manager.close();
  });

  it('delivers a failure to every waiter and succeeds by itself when the CA is back', async () => {
    const { clock, signer, manager } = setUp();
    signer.failing = true;
    const both = await Promise.allSettled([manager.get(WEB), manager.get(WEB)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    signer.failing = false;
    const renewed = new Promise<Svid>((resolve) => manager.watch(WEB, resolve));
    await clock.advance(2000);
    expect((await renewed).spiffeId).toBe(WEB);
    manager.close();
  });

  it('serves a waiting connection before a prefetch, and at most `concurrency` at a time', async () => {
    const { signer, manager } = setUp(1);
    let open = (): void => undefined;
    signer.gate = new Promise((resolve) => (open = resolve));
    for (const name of ['a', 'b', 'c']) manager.watch(WEB + name, () => undefined);
    const urgent = manager.get(WEB + 'z');
    open();
    await urgent;
    expect(signer.calls.slice(0, 2)).toEqual([WEB + 'a', WEB + 'z']);
    manager.close();
  });

  it('asks a busy CA again when it said so, and callers go on waiting', async () => {
    const { clock, signer, manager, failures } = setUp();
    signer.busyMs = 700;
    const waiting = manager.get(WEB);
    for (let call = 1; call <= 3; call++) {
      await until(() => signer.calls.length === call && clock.pendingTimers === 1, 'it was turned away');
      await clock.advance(699);
      expect(signer.calls).toHaveLength(call);
      await clock.advance(1);
    }
    signer.busyMs = null;
    await until(() => clock.pendingTimers === 1, 'it was turned away');
    await clock.advance(700);
    expect((await waiting).spiffeId).toBe(WEB);
    expect(failures).toEqual([]);
    manager.close();
  });

  it('does not wait for a busy CA for longer than a minute', async () => {
    const { clock, signer, manager, failures } = setUp();
    signer.busyMs = 61_000;
    const waiting = manager.get(WEB);
    waiting.catch(() => undefined);
    await until(() => clock.pendingTimers === 1, 'it was turned away');
    await clock.advance(61_000);
    await expect(waiting).rejects.toThrow('busy');
    expect(failures).toEqual(['busy']);
    manager.close();
  });

  it('forgets an identity: its waiters are told and nothing is renewed', async () => {
    const { clock, signer, manager } = setUp();
    await manager.get(WEB);
    manager.forget(WEB);
    await clock.advance(100 * HOUR);
    expect(signer.calls).toHaveLength(1);
    expect(manager.states().size).toBe(0);
  });
});
