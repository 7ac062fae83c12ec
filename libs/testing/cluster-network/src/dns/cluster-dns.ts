import { NAMESPACES, type Informer, type KubeClient, type KubeLog, type Namespace } from '@weft/kube';
import { startAll, type Service } from '@weft/runtime';
import { ServiceView } from '../service-view.js';
import { ClusterNames } from './cluster-names.js';
import { DnsResponder } from './dns-responder.js';
import { DnsServer } from './dns-server.js';

export interface ClusterDnsOptions {
  readonly kube: KubeClient;
  /** For example `cluster.local`. */
  readonly clusterDomain: string;
  /** Each is served over UDP and TCP. Port 0 picks a free one. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly log: KubeLog;
  /** Shared with service proxies; the DNS then neither starts nor stops it. */
  readonly view?: ServiceView;
  readonly random?: () => number;
}

/**
 * The DNS of a cluster: names of its domain and of its addresses. All else does not exist (NXDOMAIN): it forwards nothing.
 *
 * `start` resolves when the sockets are bound. Before the first list of Services arrived a query is not answered, so that
 * clients ask again instead of believing that nothing exists.
 */
export class ClusterDns implements Service {
  readonly name = 'cluster dns';
  readonly #view: ServiceView;
  readonly #namespaces: Informer<Namespace>;
  readonly #servers: readonly DnsServer[];
  #changes = 1;
  #stop: (() => Promise<void>) | null = null;

  constructor(private readonly options: ClusterDnsOptions) {
    const { kube, log, listen } = options;
    this.#view = options.view ?? new ServiceView(kube);
    this.#namespaces = kube.informer(NAMESPACES);
    const domain = options.clusterDomain.toLowerCase().replace(/^\.+|\.+$/g, '');
    const names = new ClusterNames(this.#view, this.#namespaces, domain);
    const responder = new DnsResponder({
      lookup: (name) => names.lookup(name),
      domain,
      serial: () => this.#changes,
      random: options.random ?? Math.random,
    });
    const respond = (message: Buffer, transport: 'udp' | 'tcp'): Buffer | null =>
      this.#isSynced ? responder.respond(message, transport) : null;
    this.#servers = listen.map(({ host, port }) => new DnsServer({ host, port, respond, log }));
  }

  /** The ports that are served, in the order of `listen`. */
  get ports(): readonly number[] {
    return this.#servers.map(({ port }) => port);
  }

  /** Resolves when all names are known. */
  get synced(): Promise<unknown> {
    return Promise.all([this.#view.synced, this.#namespaces.synced]);
  }

  async start(): Promise<void> {
    const own = this.options.view === undefined ? [this.#view] : [];
    this.#stop = await startAll([...own, this.#namespaces, ...this.#servers], 2_000);
    this.#view.onChange(() => this.#changes++);
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }

  get #isSynced(): boolean {
    return this.#view.services.hasSynced && this.#view.slices.hasSynced && this.#namespaces.hasSynced;
  }
}
