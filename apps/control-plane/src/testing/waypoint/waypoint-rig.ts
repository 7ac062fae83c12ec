import { ServerCredentials } from '@grpc/grpc-js';
import { EVENTS, type KubeObject } from '@weft/kube';
import { InMemoryKube } from '@weft/kube/testing';
import { createLogger, startAll, systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { createControlPlane, type ControlPlaneApp } from '../../app.js';
import { parseControlPlaneConfig } from '../../config.js';
import { TestAuthority } from '../test-authority.js';
import { EchoPod } from './echo-pod.js';
import { Envoy } from './envoy.js';
import { callGrpc, type GrpcAnswer } from './grpc-echo.js';
import { askHttp, type HttpAnswer, type HttpQuestion } from './http-client.js';
import { applyObject, typeOf } from './kube-objects.js';
import { gateway, namespace, pod, SHOP, WAYPOINT_TOKEN, waypointPod } from './mesh-objects.js';
import { readStream } from './read-stream.js';
import { PrivateNetwork } from './private-network.js';
import { SecretServer } from './secret-server.js';
import { Tunnel } from './tunnel.js';

const SETTLE_MS = 60_000;
const START_MS = 30_000;
const CLIENT = 'cluster.local/ns/shop/sa/client';
const WAYPOINT = 'cluster.local/ns/shop/sa/wp';

interface Parts {
  readonly network: PrivateNetwork;
  readonly kube: InMemoryKube;
  readonly app: ControlPlaneApp;
  readonly envoy: Envoy;
  readonly authority: TestAuthority;
  readonly pods: Readonly<Record<string, EchoPod>>;
}

/**
 * A waypoint as it runs in a cluster, as small as it can be: our control plane over an API server in memory, one real Envoy, and
 * real servers. Clients come through HBONE tunnels by the identity that they have. Namespace `shop` goes through the waypoint.
 */
export class WaypointRig {
  readonly #tunnels = new Map<string, Tunnel>();

  private constructor(
    private readonly parts: Parts,
    private readonly close: readonly (() => unknown)[],
  ) {}

  /** One pod for each name, with the label `version` of that name. */
  static async start(podNames: readonly string[]): Promise<WaypointRig> {
    const close: (() => unknown)[] = [];
    try {
      const rig = new WaypointRig(await makeParts(podNames, close), close);
      await until(
        async () => (await rig.envoy.admin('/ready').catch(String)).startsWith('LIVE'),
        'Envoy is ready',
        START_MS,
      ).catch((failure: unknown) => Promise.reject(new Error(`${String(failure)}: ${rig.envoy.log}`)));
      return rig;
    } catch (failure) {
      for (const one of close.toReversed()) await one();
      throw failure;
    }
  }

  async stop(): Promise<void> {
    for (const tunnel of this.#tunnels.values()) tunnel.close();
    for (const one of this.close.toReversed()) await one();
  }

  get envoy(): Envoy {
    return this.parts.envoy;
  }

  get kube(): InMemoryKube {
    return this.parts.kube;
  }

  pod(name: string): EchoPod {
    return this.parts.pods[name]!;
  }

  /** Creates or replaces. */
  async apply(...objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) await applyObject(this.kube.client(), object);
  }

  async remove(object: KubeObject): Promise<void> {
    const { namespace: ns = '', name = '' } = object.metadata ?? {};
    await this.kube.client().delete(typeOf(object), ns, name);
  }

  /** A request to `<clusterIP>:<port>`. */
  async ask(authority: string, question: HttpQuestion = {}, as = CLIENT): Promise<HttpAnswer> {
    return askHttp(await this.port(authority, as), question);
  }

  async call(authority: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<GrpcAnswer> {
    return callGrpc(await this.port(authority), path, headers);
  }

  /** What the server says on a new connection; over TLS if a server name is given. Null: it is broken off. */
  async read(authority: string, serverName?: string): Promise<string | null> {
    return readStream(await this.port(authority), serverName);
  }

  /** Port of 127.0.0.1 that leads to a place behind the waypoint. */
  async port(authority: string, as = CLIENT): Promise<number> {
    let tunnel = this.#tunnels.get(as);
    if (tunnel === undefined) {
      const { authority: ca, network } = this.parts;
      const identity = await ca.issue(`spiffe://${as}`);
      tunnel = new Tunnel({ address: network.proxy, identity, rootPem: ca.rootPem });
      this.#tunnels.set(as, tunnel);
    }
    return tunnel.port(authority);
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

  /** Kubernetes events that the control plane wrote. */
  events(): Promise<readonly KubeObject[]> {
    return this.kube.client().list(EVENTS);
  }

  /** A page of the control plane. */
  async page(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.parts.app.admin.port}${path}`)).text();
  }
}

async function makeParts(podNames: readonly string[], close: (() => unknown)[]): Promise<Parts> {
  const network = await PrivateNetwork.create();
  close.push(() => network.remove());
  const authority = await TestAuthority.create(Date.now());
  const kube = apiServer();
  close.push(() => kube.close());
  const serverIdentity = await authority.issue(`spiffe://cluster.local/ns/${SHOP}/sa/echo`);
  const pods = podNames.map((name) => new EchoPod(name, serverIdentity));
  for (const [i, one] of pods.entries()) {
    await one.listen(network.server(i));
    close.push(() => one.close());
  }
  await applyAll(kube, network, podNames);
  const app = await startControlPlane(kube, network.host, close);
  const secrets = new SecretServer(await authority.issue(`spiffe://${WAYPOINT}`), authority.rootPem);
  const sds = { host: network.host, port: await secrets.listen(network.host) };
  close.push(() => secrets.close());
  const envoy = new Envoy({
    networkNamespace: network.namespace,
    address: network.proxy,
    nodeId: `waypoint~${network.proxy}~wp-1.${SHOP}~${SHOP}.svc.cluster.local`,
    token: WAYPOINT_TOKEN,
    ads: { host: network.host, port: app.xds.port },
    sds,
  });
  close.push(() => envoy.stop());
  await envoy.start();
  return { network, kube, app, envoy, authority, pods: Object.fromEntries(pods.map((one) => [one.name, one])) };
}

/** Knows the account of the waypoint by its token. */
function apiServer(): InMemoryKube {
  const kube = new InMemoryKube();
  kube.react = ({ path, body }) => {
    if (!path.endsWith('/tokenreviews')) return undefined;
    const known = (body as { spec: { token: string } }).spec.token === WAYPOINT_TOKEN;
    const user = { username: `system:serviceaccount:${SHOP}:wp` };
    return { status: known ? { authenticated: true, user, audiences: ['istio-ca'] } : { authenticated: false } };
  };
  return kube;
}

async function applyAll(kube: InMemoryKube, network: PrivateNetwork, podNames: readonly string[]): Promise<void> {
  const objects = [
    namespace('istio-system'),
    namespace(SHOP, { 'istio.io/use-waypoint': 'wp' }),
    gateway(),
    waypointPod(network.proxy),
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
