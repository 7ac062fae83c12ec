import { ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { CONFIG_MAPS, KubeClient, NAMESPACES, PODS, SERVICE_ACCOUNTS, type Pod } from '@weft/kube';
import type { Clock } from '@weft/result';
import { createLogger, startAll, systemClock, type Logger } from '@weft/runtime';
import { createCsr } from '@weft/spiffe';
import { ApiServer } from '@weft/testing-kube-apiserver';
import { IstioCertificateServiceClient, type IstioCertificateResponse } from '@weft/xds/gen/mesh/ca/ca.js';
import { createCaApp, type CaApp } from '../app.js';
import { parseCaConfig } from '../config.js';

const log = createLogger('ca', 'silent');
export const SYSTEM = 'istio-system';

export interface RunningCa extends CaApp {
  stop(): Promise<void>;
}

export interface PodPlace {
  readonly namespace: string;
  readonly account: string;
  readonly node: string;
  readonly name: string;
  readonly hostNetwork?: boolean;
}

export interface AskOptions {
  readonly impersonate?: boolean;
  readonly csr?: string;
  readonly ttlSeconds?: number;
}

/** The CA as a whole on an API server in this process. `close` stops everything that was started. */
export class CaRig {
  /** Of the replicas that are started from now on. */
  log: Logger = log;
  readonly #disposers: (() => Promise<void> | void)[] = [];

  private constructor(
    readonly kube: KubeClient,
    /** Stop and start it to have the API server away. */
    readonly apiServer: ApiServer,
  ) {}

  /** `now`: the clock of the API server. */
  static async start(now: () => Date = () => new Date()): Promise<CaRig> {
    const server = new ApiServer({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
      now,
      log,
    });
    await server.start();
    const kube = KubeClient.fromKubeconfig(server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`));
    for (const name of [SYSTEM, 'shop']) await kube.create(NAMESPACES, { metadata: { name } });
    const rig = new CaRig(kube, server);
    rig.#disposers.push(
      () => server.stop(),
      () => kube.close(),
    );
    return rig;
  }

  async close(): Promise<void> {
    for (const dispose of this.#disposers.splice(0).reverse()) await dispose();
  }

  /** A replica of the CA; `env` over the defaults. */
  async startCa(env: Readonly<Record<string, string>> = {}, clock: Clock = systemClock): Promise<RunningCa> {
    const config = parseCaConfig({ GRPC_HOST: '127.0.0.1', GRPC_PORT: '0', ADMIN_PORT: '0', ...env });
    if (!config.ok) throw new Error(`the configuration is wrong: ${JSON.stringify(config.error)}`);
    const app = createCaApp(config.value, { kube: this.kube, clock, log: this.log });
    const stopAll = await startAll(app.services, 5000);
    let stopping: Promise<void> | null = null;
    const stop = (): Promise<void> => (stopping ??= stopAll());
    this.#disposers.push(stop);
    return { ...app, stop };
  }

  /** The root bundle that workloads of a namespace find. */
  async root(namespace: string): Promise<string | undefined> {
    return (await this.kube.get(CONFIG_MAPS, namespace, 'istio-ca-root-cert'))?.data?.['root-cert.pem'];
  }

  /** A pod of a service account on a node, and the token that the kubelet would project into it. */
  async startPod(where: PodPlace): Promise<string> {
    const { namespace, account, node, name, hostNetwork = false } = where;
    await this.kube.createOrGet(SERVICE_ACCOUNTS, { metadata: { namespace, name: account } });
    const pod: Pod = {
      metadata: { namespace, name },
      spec: { serviceAccountName: account, nodeName: node, hostNetwork, containers: [{ name: 'c', image: 'i' }] },
    };
    const { metadata } = await this.kube.create(PODS, pod);
    const boundPod = { name, uid: metadata?.uid ?? '' };
    const options = { audiences: ['istio-ca'], expirationSeconds: 3600, boundPod };
    return (await this.kube.createToken(namespace, account, options)).token;
  }

  /** `identity`: what the client shows of itself in the handshake. */
  client(port: number, rootsPem: string, identity?: ClientIdentity): CaClient {
    const client = new CaClient(port, rootsPem, identity);
    this.#disposers.push(() => client.close());
    return client;
  }

  async metric(ca: CaApp, name: string): Promise<string[]> {
    const response = await fetch(`http://127.0.0.1:${ca.admin.port}/metrics`);
    return (await response.text()).split('\n').filter((line) => line.startsWith(name));
  }
}

export interface ClientIdentity {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

/** Asks as a workload would, over TLS with the name that the workloads of the mesh use. */
export class CaClient {
  readonly #client: IstioCertificateServiceClient;

  constructor(port: number, rootsPem: string, identity?: ClientIdentity) {
    const name = `weft-ca.${SYSTEM}.svc`;
    const options = {
      'grpc.ssl_target_name_override': name,
      'grpc.default_authority': name,
      'grpc.use_local_subchannel_pool': 1,
    };
    const [key, chain] = [identity?.privateKeyPem, identity?.certificateChainPem];
    const credentials = ChannelCredentials.createSsl(
      Buffer.from(rootsPem),
      key === undefined ? null : Buffer.from(key),
      chain === undefined ? null : Buffer.from(chain),
    );
    this.#client = new IstioCertificateServiceClient(`127.0.0.1:${port}`, credentials, options);
  }

  close(): void {
    this.#client.close();
  }

  /** `token`: null sends none. */
  async certify(token: string | null, spiffeId: string, options: AskOptions = {}): Promise<IstioCertificateResponse> {
    const metadata = new Metadata();
    if (token !== null) metadata.set('authorization', `Bearer ${token}`);
    const request = {
      $type: 'istio.v1.auth.IstioCertificateRequest' as const,
      csr: options.csr ?? (await createCsr(spiffeId)).csrPem,
      validityDuration: BigInt(options.ttlSeconds ?? 3600),
      metadata: options.impersonate === true ? { ImpersonatedIdentity: spiffeId } : undefined,
    };
    return new Promise((resolve, reject) => {
      this.#client.createCertificate(request, metadata, { deadline: Date.now() + 30_000 }, (failure, answer) =>
        failure ? reject(failure) : resolve(answer),
      );
    });
  }
}
