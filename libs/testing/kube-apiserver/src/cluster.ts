import { AdmissionChain } from './admission/admission-chain.js';
import { NamespaceLifecycle } from './admission/namespace-lifecycle.js';
import { ServiceAccountAdmission } from './admission/service-account-admission.js';
import { Unsupported } from './admission/unsupported.js';
import { WebhookAdmission } from './admission/webhook-admission.js';
import type { ApiServerOptions } from './api-server-options.js';
import { Authenticator } from './auth/authenticator.js';
import { ReviewRoutes } from './auth/review-routes.js';
import type { TokenSigner } from './auth/token-signer.js';
import { CRD_BUCKET, CustomResources } from './controllers/custom-resources.js';
import { EventExpiry } from './controllers/event-expiry.js';
import { GarbageCollector } from './controllers/garbage-collector.js';
import { NamespaceController } from './controllers/namespace-controller.js';
import { ObjectApi } from './controllers/object-api.js';
import { ServiceAddresses } from './controllers/service-addresses.js';
import { publishServerService } from './controllers/server-service.js';
import type { TypeRules, WriteContext } from './objects/write-context.js';
import { ListObjects } from './serving/list-objects.js';
import { PlainRoutes } from './serving/plain-routes.js';
import { handleBinding, handleEviction } from './serving/pod-routes.js';
import { RequestHandler, type SpecialRoute } from './serving/request-handler.js';
import { ResourceRoutes, type ResourceRequest } from './serving/resource-routes.js';
import { handleScale } from './serving/scale-route.js';
import { WatchObjects } from './serving/watch-objects.js';
import type { ClusterIdentity } from './storage/snapshot-file.js';
import { storageKey, type TypeCatalog } from './type-catalog.js';
import type { Store } from './storage/store.js';
import { StreamingUpgrades } from './streaming/streaming-upgrades.js';
import { handleLog } from './streaming/log-route.js';

const BOOKMARK_INTERVAL_MS = 10_000;

export interface ClusterParts {
  readonly options: ApiServerOptions;
  readonly identity: ClusterIdentity;
  readonly store: Store;
  readonly signer: TokenSigner;
  readonly catalog: TypeCatalog;
  readonly now: () => Date;
}

/** Everything behind the listeners, put together. */
export class Cluster {
  readonly store: Store;
  /** Writes past HTTP, with everything else that a write goes through. */
  readonly api: ObjectApi;
  readonly handler: RequestHandler;
  readonly upgrades: StreamingUpgrades;
  readonly #watches: WatchObjects;
  readonly #namespaces: NamespaceController;
  readonly #collector: GarbageCollector;
  readonly #custom: CustomResources;
  readonly #events: EventExpiry;

  constructor(private readonly parts: ClusterParts) {
    const { options, identity, store, signer, catalog, now } = parts;
    const { log, kubelet } = options;
    this.store = store;
    this.#watches = new WatchObjects(store, options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS);
    this.#custom = new CustomResources(() => this.api, this.#watches, log);
    const admission = new AdmissionChain([
      new NamespaceLifecycle(store),
      new ServiceAccountAdmission(store),
      new Unsupported(),
      new WebhookAdmission(store, catalog, log),
    ]);
    const rules = new Map<string, TypeRules>([
      ['services', new ServiceAddresses(options.serviceCidr, store)],
      [CRD_BUCKET, this.#custom],
    ]);
    const context: WriteContext = { store, catalog, admission, rules, now };
    this.api = new ObjectApi(context);
    this.#namespaces = new NamespaceController(this.api, identity.caCertificatePem, log);
    this.#events = new EventExpiry(store, now);
    this.#collector = new GarbageCollector(this.api, log);
    const authenticator = new Authenticator(identity.adminToken, signer, store, now);
    const reviews = new ReviewRoutes(authenticator, signer, store, now);
    const plain = new PlainRoutes(catalog, signer);
    this.handler = new RequestHandler({
      authenticator,
      catalog,
      plain: (request) => plain.handle(request),
      special: (request) => reviews.find(request) ?? this.#special(context, options, request),
      resources: new ResourceRoutes(context, new ListObjects(store), this.#watches),
      log,
    });
    this.upgrades = new StreamingUpgrades(store, kubelet, (request) => this.handler.upgrade(request), log);
  }

  async start(): Promise<void> {
    const { options } = this.parts;
    this.#custom.start();
    this.#collector.start();
    this.#events.start();
    await this.#namespaces.start();
    await publishServerService(this.api, options.serviceCidr, options.advertise);
  }

  /** Resolves when the controllers have nothing left to do now. For tests. */
  async settled(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.#custom.settled();
      await this.#collector.settled();
      await this.#namespaces.settled();
    }
  }

  async stop(): Promise<void> {
    this.#watches.stop();
    this.#events.stop();
    this.upgrades.stop();
    await this.#custom.stop();
    await this.#collector.stop();
    await this.#namespaces.stop();
  }

  #special(
    context: WriteContext,
    { kubelet }: ApiServerOptions,
    { info, path }: ResourceRequest,
  ): SpecialRoute | undefined {
    if (path.subresource === 'scale' && info.scale !== undefined) return (request) => handleScale(context, request);
    if (info.group === '' && info.plural === 'bindings') return (request) => handleBinding(context, request);
    if (storageKey(info) !== 'pods') return undefined;
    switch (path.subresource) {
      case 'binding':
        return (request) => handleBinding(context, request);
      case 'eviction':
        return (request) => handleEviction(context, request);
      case 'log':
        return (request) => handleLog(context.store, kubelet, request);
      default:
        return undefined;
    }
  }
}
