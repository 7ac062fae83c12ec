import { ServerCredentials } from '@grpc/grpc-js';
import type { KubeClient, KubeObject } from '@weft/kube';
import { SERVICE_ENTRIES } from '@weft/mesh-api';
import type { HostAddress } from '@weft/mesh-model';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { MeshApiServer } from '@weft/testing-mesh-deployment';
import { createControlPlane, type ControlPlaneApp } from '../app.js';
import { parseControlPlaneConfig } from '../config.js';

const log = createLogger('test', 'silent');
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

type Entry = KubeObject & {
  spec?: object;
  status?: { addresses?: readonly HostAddress[]; conditions?: readonly { readonly type: string }[] };
};

async function makeApi(): Promise<KubeClient> {
  const server = await MeshApiServer.start(['istio-system', 'shop']);
  disposers.push(() => server.stop());
  return server.kube;
}

/** Returns what stops it, too. */
async function replica(
  kube: KubeClient,
  name: string,
): Promise<ControlPlaneApp & { readonly stop: () => Promise<void> }> {
  const config = parseControlPlaneConfig(
    { XDS_HOST: '127.0.0.1', XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' },
    name,
  );
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const credentials = ServerCredentials.createInsecure();
  const app = createControlPlane(config.value, { kube, clock: systemClock, log, credentials });
  const stopAll = await startAll(app.services, 2000);
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= Promise.resolve(stopAll()));
  disposers.push(stop);
  return { ...app, stop };
}

const entry = (
  kube: KubeClient,
  name: string,
  more: object = {},
  labels: Record<string, string> = {},
): Promise<Entry> =>
  kube.create<Entry>(SERVICE_ENTRIES, {
    metadata: { name, namespace: 'shop', labels },
    spec: {
      hosts: [`${name}.test`],
      ports: [{ number: 5432, name: 'tcp', protocol: 'TCP' }],
      resolution: 'DNS',
      ...more,
    },
  });
const addressesOf = async (kube: KubeClient, name: string): Promise<readonly HostAddress[]> =>
  (await kube.get<Entry>(SERVICE_ENTRIES, 'shop', name))?.status?.addresses ?? [];
const addressed = async (kube: KubeClient, name: string): Promise<readonly HostAddress[]> => {
  await until(async () => (await addressesOf(kube, name)).length === 2, `${name} has two addresses`);
  return addressesOf(kube, name);
};
/** As somebody with kubectl would. */
const edit = (kube: KubeClient, name: string, addresses: readonly HostAddress[]): Promise<Entry> =>
  kube.patch<Entry>(SERVICE_ENTRIES, 'shop', name, { status: { addresses } }, { kind: 'merge', subresource: 'status' });
/** What proxies are told. */
const told = ({ model }: ControlPlaneApp, name: string): number =>
  model.services.get(`shop/${name}.test`)?.message.addresses.length ?? 0;

describe('automatic addresses of ServiceEntries', () => {
  it('one IPv4 and one IPv6 address for each host, in status.addresses beside the conditions, and in the services of proxies', async () => {
    const kube = await makeApi();
    const app = await replica(kube, 'replica-1');
    await entry(kube, 'db');
    const given = await addressed(kube, 'db');
    expect(given.map(({ host }) => host)).toEqual(['db.test', 'db.test']);
    expect(given[0]!.value).toMatch(/^240\.240\./);
    expect(given[1]!.value).toMatch(/^2001:2:0?:/);
    await until(() => told(app, 'db') === 2, 'proxies are told');
    const types = async () =>
      (await kube.get<Entry>(SERVICE_ENTRIES, 'shop', 'db'))?.status?.conditions?.map(({ type }) => type);
    await until(async () => (await types())?.includes('Accepted') ?? false, 'the condition is there');
    expect(await addressesOf(kube, 'db')).toEqual(given);
  });

  it('what somebody else wrote is put right: nonsense, the address of another, nothing', async () => {
    const kube = await makeApi();
    await replica(kube, 'replica-1');
    await entry(kube, 'db');
    await entry(kube, 'cache');
    const [db, cache] = [await addressed(kube, 'db'), await addressed(kube, 'cache')];
    for (const wrong of [
      [{ host: 'db.test', value: 'nonsense' }],
      [{ host: 'db.test', value: cache[0]!.value }],
      [{ host: 'db.test', value: '10.96.0.10' }],
      [...db, { host: 'other.test', value: '240.240.7.7' }],
      [],
    ]) {
      await edit(kube, 'db', wrong);
      await until(
        async () => JSON.stringify(await addressesOf(kube, 'db')) === JSON.stringify(db),
        JSON.stringify(wrong),
      );
    }
    expect(await addressesOf(kube, 'cache')).toEqual(cache);
  });

  it('survive the replica that gave them: every replica reads them, one writes, the next one goes on', async () => {
    const kube = await makeApi();
    const first = await replica(kube, 'replica-1');
    await entry(kube, 'db');
    const db = await addressed(kube, 'db');
    const second = await replica(kube, 'replica-2');
    await until(() => told(second, 'db') === 2, 'the second replica knows');
    await first.stop();
    await entry(kube, 'cache');
    const cache = await addressed(kube, 'cache');
    expect(await addressesOf(kube, 'db')).toEqual(db);
    expect(cache.map(({ value }) => value)).not.toEqual(db.map(({ value }) => value));
  });

  it('of two that start with one address the older entry keeps it', async () => {
    const kube = await makeApi();
    await entry(kube, 'a-old');
    await entry(kube, 'b-young');
    for (const name of ['a-old', 'b-young']) await edit(kube, name, [{ host: `${name}.test`, value: '240.240.3.3' }]);
    await replica(kube, 'replica-1');
    expect((await addressed(kube, 'a-old'))[0]!.value).toBe('240.240.3.3');
    expect((await addressed(kube, 'b-young'))[0]!.value).not.toBe('240.240.3.3');
  });

  it('are taken back when they are not wanted any more, and free when their entry is gone', async () => {
    const kube = await makeApi();
    const app = await replica(kube, 'replica-1');
    await entry(kube, 'db');
    await entry(kube, 'cache');
    const [db, cache] = [await addressed(kube, 'db'), await addressed(kube, 'cache')];
    const labels = { 'networking.istio.io/enable-autoallocate-ip': 'False' };
    await kube.patch(SERVICE_ENTRIES, 'shop', 'db', { metadata: { labels } }, { kind: 'merge' });
    await until(async () => (await addressesOf(kube, 'db')).length === 0, 'db has none');
    await until(() => told(app, 'db') === 0, 'proxies forget');
    await kube.delete(SERVICE_ENTRIES, 'shop', 'cache');
    await until(() => app.model.addressNeeds.get('shop/cache') === undefined, 'cache is gone');
    await entry(kube, 'own', { addresses: [db[0]!.value, cache[0]!.value] });
    await until(() => told(app, 'own') === 2, 'own is there');
    expect(app.model.services.get('shop/own.test')?.lost).toEqual([]);
  });

  it('an address that a specification names is taken from the entry that has it', async () => {
    const kube = await makeApi();
    const app = await replica(kube, 'replica-1');
    await entry(kube, 'db');
    const [four] = await addressed(kube, 'db');
    await entry(kube, 'own', { addresses: [four!.value] });
    await until(
      async () => (await addressesOf(kube, 'db')).every(({ value }) => value !== four!.value),
      'db has another',
    );
    await until(() => app.model.services.get('shop/own.test')?.lost.length === 0, 'own has its address');
    expect(await addressesOf(kube, 'db')).toHaveLength(2);
  });
});
