import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import { builtinResources } from '@weft/testing-kube-schema';
import type { ApiServerOptions, Listener } from './api-server-options.js';
import { createIdentity, servingCertificate } from './auth/cluster-keys.js';
import { formatKubeconfig } from './auth/kubeconfig.js';
import { TokenSigner } from './auth/token-signer.js';
import { Cluster } from './cluster.js';
import { readSnapshot, writeSnapshot, type ClusterIdentity } from './storage/snapshot-file.js';
import { Store } from './storage/store.js';
import { TypeCatalog } from './type-catalog.js';

const WATCH_HISTORY = 10_000;
const PERSIST_INTERVAL_MS = 10_000;
const PERSIST_REST_FACTOR = 20;

/**
 * A Kubernetes API server in this process: HTTPS, one administrator token, everything in memory. For development and tests.
 * The certificate, the keys and the objects survive a restart only with `persistFile`.
 */
export class ApiServer implements Service {
  readonly name = 'kube-apiserver';
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #identity: ClusterIdentity | undefined;
  #cluster: Cluster | undefined;
  #persistTimer: NodeJS.Timeout | undefined;
  #persisting: Promise<void> = Promise.resolve();
  #persistedVersion = -1;
  #stopping = false;

  constructor(private readonly options: ApiServerOptions) {}

  /** The root of the serving certificate. Only after `start`. */
  get caPem(): string {
    return this.#started(this.#identity).caCertificatePem;
  }

  /** The administrator's bearer token. Only after `start`. */
  get adminToken(): string {
    return this.#started(this.#identity).adminToken;
  }

  /** The ports of the listeners, in their order. Only after `start`. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port);
  }

  /** What runs inside; for tests that look at it. Only after `start`. */
  get cluster(): Cluster {
    return this.#started(this.#cluster);
  }

  adminKubeconfig(serverUrl: string): string {
    const { clusterName = 'weft' } = this.options;
    return formatKubeconfig({ clusterName, serverUrl, caPem: this.caPem, token: this.adminToken });
  }

  /** When it fails, nothing of it is left open. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (cause) {
      await this.#close();
      throw cause;
    }
  }

  async #start(): Promise<void> {
    const { options } = this;
    const now = options.now ?? ((): Date => new Date());
    const snapshot = options.persistFile === undefined ? null : await readSnapshot(options.persistFile);
    const identity = snapshot?.identity ?? (await createIdentity(now()));
    const store = new Store(options.watchHistory ?? WATCH_HISTORY, snapshot?.resourceVersion ?? 1);
    for (const { key, object } of snapshot?.objects ?? []) store.restore(key, object);
    const signer = await TokenSigner.fromPem(
      identity.tokenKeyPem,
      `https://kubernetes.default.svc.${options.clusterDomain}`,
    );
    const catalog = new TypeCatalog(builtinResources());
    this.#identity = identity;
    this.#cluster = new Cluster({ options, identity, store, signer, catalog, now });
    await this.#cluster.start();
    const { certificatePem: cert, privateKeyPem: key } = await servingCertificate(identity, options, now());
    for (const listener of options.listeners) await this.#listen(listener, { cert, key });
    if (options.persistFile !== undefined) this.#persistLater(options.persistIntervalMs ?? PERSIST_INTERVAL_MS);
    options.log.info(
      { ports: this.ports, resourceVersion: store.resourceVersion, objects: snapshot?.objects.length ?? 0 },
      'API server is up',
    );
  }

  async stop(): Promise<void> {
    await this.#close();
    await this.#persist();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#persistTimer);
    this.#stopping = true;
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    await this.#cluster?.stop();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    this.#servers.length = 0;
  }

  async #listen(listener: Listener, tls: { cert: string; key: string }): Promise<void> {
    const cluster = this.#started(this.#cluster);
    const server = createServer({
      ...tls,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      requestTimeout: 0,
      keepAliveTimeout: 120_000,
    });
    server.on('request', (request, response) => void cluster.handler.handle(request, response));
    server.on('upgrade', (request, socket, head) => void cluster.upgrades.handle(request, socket, head));
    // Upgraded connections and unfinished handshakes are no HTTP connections any more (or yet): closing needs them all.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('clientError', (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen('fd' in listener ? { fd: listener.fd } : { host: listener.host, port: listener.port }, () => {
        server.off('error', reject);
        server.on('error', (error) => this.options.log.error({ err: error }, 'API server listener failed'));
        resolve();
      });
    });
    this.#servers.push(server);
  }

  /** A large cluster takes long to write: writing gets at most a small part of the time. */
  #persistLater(delayMs: number): void {
    this.#persistTimer = setTimeout(() => {
      const started = performance.now();
      void this.#persist().then(() => {
        const tookMs = performance.now() - started;
        if (!this.#stopping)
          this.#persistLater(
            Math.max(this.options.persistIntervalMs ?? PERSIST_INTERVAL_MS, tookMs * PERSIST_REST_FACTOR),
          );
      });
    }, delayMs).unref();
  }

  /** One write at a time; a failed one (a full disk) is logged and tried again later. */
  #persist(): Promise<void> {
    const { persistFile, log } = this.options;
    if (persistFile === undefined) return Promise.resolve();
    this.#persisting = this.#persisting.then(async () => {
      const { store } = this.cluster;
      const version = store.resourceVersion;
      if (version === this.#persistedVersion) return;
      try {
        await writeSnapshot(persistFile, this.#started(this.#identity), store);
        this.#persistedVersion = version;
      } catch (thrown) {
        log.error({ err: toError(thrown), file: persistFile }, 'cluster state was not saved');
      }
    });
    return this.#persisting;
  }

  #started<T>(value: T | undefined): T {
    if (value === undefined) throw new TypeError('the API server has not been started');
    return value;
  }
}
