import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { EVENTS, type KubeObject } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { createControlPlane, type ControlPlaneApp } from '../../app.js';
import { parseControlPlaneConfig } from '../../config.js';
import { TestAuthority } from '../test-authority.js';
import { EchoPod, SERVER_NAMES } from './echo-pod.js';
import { Envoy } from './envoy.js';
import { applyObject, typeOf } from './kube-objects.js';
import { gatewayPod, namespace, pod, SHOP } from './mesh-objects.js';
import { NameServer } from './name-server.js';
import { PrivateNetwork } from './private-network.js';
import { SecretServer } from './secret-server.js';

const SETTLE_MS = 60_000;
const START_MS = 30_000;

/** A Gateway and the one Envoy that runs for it, as the account of its name. */
export interface ProxyRole {
  readonly type: 'waypoint' | 'router';
  /** Of the Gateway, in namespace `shop`. */
  readonly name: string;
  readonly gateway: KubeObject;
}

export interface RigOptions {
  /** One pod for each name, with the label `version` of that name. */
  readonly podNames: readonly string[];
  /** The first is what the tests are about. */
  readonly proxies: readonly ProxyRole[];
  /** Of namespace `shop`. */
  readonly shopLabels?: Readonly<Record<string, string>>;
  /** Objects that are there from the start. */
  readonly shared?: readonly KubeObject[];
}

interface Condition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface RigParts {
  readonly network: PrivateNetwork;
  readonly kube: InMemoryKube;
  readonly app: ControlPlaneApp;
  readonly envoys: readonly Envoy[];
  readonly authority: TestAuthority;
  readonly names: NameServer;
  /** Of files for the proxies. */
  readonly folder: string;
  readonly pods: Readonly<Record<string, EchoPod>>;
  readonly close: readonly (() => unknown)[];
}

/**
 * Proxies as they run in a cluster, as small as it can be: our control plane over an API server in memory, one real Envoy for each
 * Gateway, and real servers.
 */
export class ProxyRig {
  constructor(protected readonly parts: RigParts) {}

  async stop(): Promise<void> {
    for (const one of this.parts.close.toReversed()) await one();
  }

  get envoy(): Envoy {
    return this.parts.envoys[0]!;
  }

  get kube(): InMemoryKube {
    return this.parts.kube;
  }

  /** What names mean to the proxies. */
  get names(): NameServer {
    return this.parts.names;
  }

  /** Of the mesh, and of the servers of pods. */
  get authority(): TestAuthority {
    return this.parts.authority;
  }

  /** Of this process, as the proxies reach it. */
  get host(): string {
    return this.parts.network.host;
  }

  /** In the order of the roles. */
  proxy(number: number): Envoy {
    return this.parts.envoys[number]!;
  }

  /** Of a proxy. */
  addresses(number: number): { readonly v4: string; readonly v6: string } {
    const { network } = this.parts;
    return { v4: network.proxy(number), v6: network.proxy6(number) };
  }

  pod(name: string): EchoPod {
    return this.parts.pods[name]!;
  }

  podAddress(name: string): string {
    return this.parts.network.server(Object.keys(this.parts.pods).indexOf(name));
  }

  /** Path of a file that the proxies can read. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.parts.folder, name);
    await writeFile(path, content);
    return path;
  }

  /** Creates or replaces. */
  async apply(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) await applyObject(this.kube.client(), object);
  }

  async remove(object: KubeObject): Promise<void> {
    const { namespace: ns = '', name = '' } = object.metadata ?? {};
    await this.kube.client().delete(typeOf(object), ns, name);
  }

  /** Configuration takes a moment. */
  async settles(look: () => Promise<unknown>, expected: unknown): Promise<void> {
    let seen: unknown;
    const same = async (): Promise<boolean> =>
      JSON.stringify((seen = await look().catch(String))) === JSON.stringify(expected);
    await until(same, 'the answer is as expected', SETTLE_MS).catch(async () => {
      const rejected = await this.page('/debug/nackz');
      throw new Error(
        `seen ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}; rejected by Envoy: ${rejected}`,
      );
    });
  }

  /** The condition that the control plane wrote to a resource of namespace `shop`; null: none. */
  async condition(apiVersion: string, kind: string, name: string): Promise<Condition | null> {
    const found = await this.kube.client().get(typeOf({ apiVersion, kind }), SHOP, name);
    const { status } = (found ?? {}) as { status?: { conditions?: readonly Condition[] } };
    return status?.conditions?.[0] ?? null;
  }

  /** Kubernetes events that the control plane wrote. */
  events(): Promise<readonly KubeObject[]> {
    return this.kube.client().list(EVENTS);
  }

  /** A page of the control plane. */
  async page(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.parts.app.admin.port}${path}`)).text();
  }
}

/** Everything runs, and each Envoy has its configuration. */
export async function startRig(options: RigOptions): Promise<RigParts> {
  const close: (() => unknown)[] = [];
  try {
    const parts = { ...(await makeParts(options, close)), close };
    for (const envoy of parts.envoys)
      await until(
        async () => (await envoy.admin('/ready').catch(String)).startsWith('LIVE'),
        'Envoy is ready',
        START_MS,
      ).catch((failure: unknown) => Promise.reject(new Error(`${String(failure)}: ${envoy.log}`)));
    return parts;
  } catch (failure) {
    for (const one of close.toReversed()) await one();
    throw failure;
  }
}

async function makeParts(options: RigOptions, close: (() => unknown)[]): Promise<Omit<RigParts, 'close'>> {
  const { podNames, proxies } = options;
  const network = await PrivateNetwork.create();
  close.push(() => network.remove());
  const folder = await mkdtemp(join(tmpdir(), 'weft-proxies-'));
  close.push(() => rm(folder, { recursive: true, force: true }));
  const names = new NameServer();
  await names.listen(network.host);
  close.push(() => names.close());
  const authority = await TestAuthority.create(Date.now());
  const kube = apiServer(proxies);
  close.push(() => kube.close());
  const serverIdentity = await authority.issue(`spiffe://cluster.local/ns/${SHOP}/sa/echo`, { dnsNames: SERVER_NAMES });
  const pods = podNames.map((name) => new EchoPod(name, serverIdentity));
  for (const [i, one] of pods.entries()) {
    await one.listen(network.server(i));
    close.push(() => one.close());
  }
  await applyAll(kube, network, options);
  const app = await startControlPlane(kube, network.host, close);
  const envoys: Envoy[] = [];
  for (const [i, { type, name }] of proxies.entries()) {
    const identity = await authority.issue(`spiffe://cluster.local/ns/${SHOP}/sa/${name}`);
    const secrets = new SecretServer(identity, authority.rootPem);
    const sds = { host: network.host, port: await secrets.listen(network.host) };
    close.push(() => secrets.close());
    const address = network.proxy(i);
    const envoy = new Envoy({
      networkNamespace: network.namespace,
      address,
      nodeId: `${type}~${address}~${name}-1.${SHOP}~${SHOP}.svc.cluster.local`,
      token: tokenOf(name),
      ads: { host: network.host, port: app.xds.port },
      sds,
    });
    close.push(() => envoy.stop());
    await envoy.start();
    envoys.push(envoy);
  }
  return {
    network,
    kube,
    app,
    envoys,
    authority,
    names,
    folder,
    pods: Object.fromEntries(pods.map((one) => [one.name, one])),
  };
}

const tokenOf = (account: string): string => `${account}-token`;

/** Knows the accounts of the proxies by their tokens. */
function apiServer(proxies: readonly ProxyRole[]): InMemoryKube {
  const kube = new InMemoryKube();
  kube.react = ({ path, body }) => {
    if (!path.endsWith('/tokenreviews')) return undefined;
    const { token } = (body as { spec: { token: string } }).spec;
    const known = proxies.find(({ name }) => tokenOf(name) === token);
    if (known === undefined) return { status: { authenticated: false } };
    const user = { username: `system:serviceaccount:${SHOP}:${known.name}` };
    return { status: { authenticated: true, user, audiences: ['istio-ca'] } };
  };
  return kube;
}

async function applyAll(
  kube: InMemoryKube,
  network: PrivateNetwork,
  { podNames, proxies, shopLabels, shared = [] }: RigOptions,
): Promise<void> {
  const objects = [
    namespace('istio-system'),
    namespace(SHOP, shopLabels),
    ...shared,
    ...proxies.flatMap(({ name, gateway }, i) => [gateway, gatewayPod(name, network.proxy(i))]),
    ...podNames.map((name, i) => pod(name, network.server(i))),
  ];
  for (const object of objects) await applyObject(kube.client(), object);
}

async function startControlPlane(kube: InMemoryKube, host: string, close: (() => unknown)[]): Promise<ControlPlaneApp> {
  const env = { XDS_HOST: host, XDS_PORT: '0', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0' };
  const config = parseControlPlaneConfig(env, 'replica-1');
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const app = createControlPlane(config.value, {
    kube: kube.client(),
    clock: systemClock,
    log: createLogger('test', 'silent'),
    credentials: ServerCredentials.createInsecure(),
  });
  close.push(await startAll(app.services, 2000));
  return app;
}
