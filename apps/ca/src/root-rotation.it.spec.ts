import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENTS, SECRETS } from '@weft/kube';
import { splitPemCertificates, verifyChain } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { ROTATE_ANNOTATION, STAGE_ANNOTATION } from './root-record.js';
import { CaRig, SYSTEM, type CaClient, type RunningCa } from './testing/ca-rig.js';

/** A replica stops issuing after six refreshes in vain, so this is what a stall of the machine may last. */
const FAST = { CA_ROOT_REFRESH: '500ms', CA_ROTATION_WAIT: '700ms', ROOT_CA_DIR: '/nonexistent' };
let rig: CaRig;
beforeEach(async () => {
  rig = await CaRig.start();
});
afterEach(() => rig.close());

const rotate = (): Promise<unknown> => annotate({ [ROTATE_ANNOTATION]: 'please' });
const annotate = (annotations: Record<string, string>): Promise<unknown> =>
  rig.kube.patch(SECRETS, SYSTEM, 'istio-ca-secret', { metadata: { annotations } }, { kind: 'merge' });
const stage = async (): Promise<string> =>
  (await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.metadata?.annotations?.[STAGE_ANNOTATION] ?? '';
const secretText = async (key: string): Promise<string> =>
  Buffer.from((await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.data?.[key] ?? '', 'base64').toString();

/** Workloads that renew all the time, at any replica that runs, and check each new SVID against all the others. */
class Workloads {
  readonly #svids = new Map<string, readonly string[]>();
  readonly #running: Promise<void>[] = [];
  /** Whom each is asking just now. */
  readonly #asked = new Map<string, CaClient>();
  #stopped = false;
  renewals = 0;
  clients: CaClient[] = [];

  async start(accounts: readonly string[]): Promise<void> {
    for (const account of accounts) {
      const token = await rig.startPod({ namespace: 'shop', account, node: 'n', name: account });
      this.#running.push(this.#renewForever(`spiffe://cluster.local/ns/shop/sa/${account}`, token));
    }
  }

  /** Rejects with the first failure of a renewal or of a handshake. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** When it resolves, nobody asks there any more. */
  async leave(client: CaClient): Promise<void> {
    this.clients = this.clients.filter((other) => other !== client);
    await until(() => ![...this.#asked.values()].includes(client), 'whoever asked there has an answer');
  }

  async #renewForever(spiffeId: string, token: string): Promise<void> {
    while (!this.#stopped) {
      const client = this.clients[this.renewals % this.clients.length]!;
      this.#asked.set(spiffeId, client);
      this.#svids.set(spiffeId, (await client.certify(token, spiffeId)).certChain);
      this.#asked.delete(spiffeId);
      this.renewals++;
      for (const [a, svid] of this.#svids)
        for (const [b, peer] of this.#svids) {
          const verified = verifyChain(svid.slice(0, -1), peer.at(-1)!, Date.now());
          if (!verified.ok) throw new Error(`${b} does not accept ${a}: ${verified.error.message}`);
        }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
    }
  }
}

describe('the rotation of the self-signed root', () => {
  it('runs on request through all states, over the end of the leader, and no two workloads ever refuse each other', async () => {
    // It ends before the next step, however long that takes.
    const leader = await rig.startCa({ ...FAST, CA_ROTATION_WAIT: '10m' });
    await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
    const old = (await rig.root('shop'))!;
    const follower = await rig.startCa(FAST);
    const workloads = new Workloads();
    workloads.clients = [leader, follower].map(({ grpc }) => rig.client(grpc.port, old));
    await workloads.start(['web', 'db', 'cart', 'mail']);

    await rotate();
    await until(async () => (await stage()) === 'distributing', 'the new root is being distributed');
    await until(async () => splitPemCertificates((await rig.root('shop')) ?? '').length === 2, 'both are everywhere');
    const shown = () => rig.metric(follower, 'weft_ca_rotation_state{state="distributing"}');
    await until(async () => (await shown())[0]?.endsWith(' 1') === true, 'the follower shows it, too');
    await workloads.leave(workloads.clients[0]!);
    await leader.stop();
    await until(async () => (await stage()) === 'signing', 'the other replica goes on', 20_000);
    const rotated = await secretText('ca-cert.pem');
    expect(rotated).not.toBe(old);
    await until(async () => (await stage()) === 'stable', 'the rotation ends', 20_000);
    await workloads.stop();
    expect(workloads.renewals).toBeGreaterThan(20);
    await until(async () => (await rig.root('shop')) === rotated, 'only the new root is left');
    expect(await secretText('next-ca-key.pem')).toBe('');
    expect((await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.metadata?.annotations).toEqual({
      [STAGE_ANNOTATION]: 'stable',
    });
    await opensslAccepts(follower, rotated);
    await rig.kube.eventsWritten();
    const items = await rig.kube.list(EVENTS, { namespace: SYSTEM });
    expect(items.filter(({ reason }) => reason === 'RootRotation')).toHaveLength(5);
  });

  it('begins by itself when the root nears its end', async () => {
    await rig.startCa({ ...FAST, CA_ROOT_TTL: '20s' });
    const first = await secretText('ca-cert.pem');
    await until(async () => (await secretText('ca-cert.pem')) !== first, 'a new root signs');
  });

  it('waits for the longest lifetime that was issued, which is noted before such a certificate is given out', async () => {
    const ca = await rig.startCa({ ...FAST, CA_ROTATION_WAIT: '' });
    await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
    const client = rig.client(ca.grpc.port, (await rig.root('shop'))!);
    const longest = async () =>
      (JSON.parse(await secretText('rotation.json')) as { longestTtlSeconds: number }).longestTtlSeconds;
    expect(await longest()).toBe(24 * 3600);
    await client.certify(token, 'spiffe://cluster.local/ns/shop/sa/web', { ttlSeconds: 100 * 3600 });
    expect(await longest()).toBe(100 * 3600);
  });
});

describe('the root Secret edited by hand', () => {
  it.each<[string, Record<string, string | null>, string]>([
    ['a key of another certificate', { 'ca-key.pem': '' }, 'signing certificate refused: there is no private key'],
    ['nonsense for a certificate', { 'ca-cert.pem': 'eA==' }, 'signing certificate refused: it is not a PEM certificate'],
    ['nonsense for a bundle', { 'root-cert.pem': 'eA==' }, 'root bundle refused: it holds no PEM certificate'],
    ['a state that is none', { 'rotation.json': b64('{"state":"x"}') }, 'rotation.json: state is not one of stable, distributing, signing, retiring'],
    ['a state that is no JSON', { 'rotation.json': b64('{') }, 'rotation.json is not JSON'],
    ['a stage without its root', { 'rotation.json': b64('{"state":"distributing","since":"2026-01-01T00:00:00Z","longestTtlSeconds":1}') }, 'rotation.json says distributing, but next-ca-cert.pem or next-ca-key.pem is missing'],
  ])('into %s changes nothing but a warning, and is taken up again when it is repaired', async (_what, data, problem) => {
    const ca = await rig.startCa(FAST);
    await until(async () => (await rig.root('shop')) !== undefined, 'the root is distributed');
    const rootsPem = (await rig.root('shop'))!;
    const before = (await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret'))?.data;
    const refused = async () => (await rig.metric(ca, 'weft_ca_root_change_refused '))[0]?.endsWith(' 1') ?? false;
    await rig.kube.patch(SECRETS, SYSTEM, 'istio-ca-secret', { data }, { kind: 'merge' });
    await until(refused, 'the change is refused');
    const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'n', name: 'web' });
    const client = rig.client(ca.grpc.port, rootsPem);
    expect((await client.certify(token, 'spiffe://cluster.local/ns/shop/sa/web')).certChain.at(-1)).toBe(rootsPem);
    await rig.kube.eventsWritten();
    const items = await rig.kube.list(EVENTS, { namespace: SYSTEM });
    expect(items.map(({ message }) => message)).toContain(
      `Secret istio-system/istio-ca-secret: ${problem}. The last good signing certificate stays in use`,
    );
    await rig.kube.patch(SECRETS, SYSTEM, 'istio-ca-secret', { data: before }, { kind: 'merge' });
    await until(async () => !(await refused()), 'the repair is seen');
  }); // prettier-ignore

  it('or deleted: the last good root stays in use and no other is made', async () => {
    const ca = await rig.startCa(FAST);
    await rig.kube.delete(SECRETS, SYSTEM, 'istio-ca-secret');
    const refused = async () => (await rig.metric(ca, 'weft_ca_root_change_refused '))[0]?.endsWith(' 1') ?? false;
    await until(refused, 'the deletion is noticed');
    expect(await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret')).toBeNull();
  });
});

function b64(text: string): string {
  return Buffer.from(text).toString('base64');
}

async function opensslAccepts(ca: RunningCa, rootsPem: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-rotated-'));
  const token = await rig.startPod({ namespace: 'shop', account: 'last', node: 'n', name: 'last' });
  const { certChain } = await rig
    .client(ca.grpc.port, rootsPem)
    .certify(token, 'spiffe://cluster.local/ns/shop/sa/last');
  writeFileSync(join(folder, 'root.pem'), rootsPem);
  writeFileSync(join(folder, 'svid.pem'), certChain[0]!);
  const output = execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', 'root.pem', 'svid.pem'], {
    cwd: folder,
  });
  expect(output.toString()).toContain('OK');
  rmSync(folder, { recursive: true });
}
