import type { SourceCollection } from '@weft/collections';
import {
  CONFIG_MAPS,
  ENDPOINT_SLICES,
  NAMESPACES,
  NODES,
  objectKey,
  PODS,
  SECRETS,
  SERVICES,
  type Informer,
  type KubeClient,
  type KubeObject,
  type ResourceType,
} from '@weft/kube';
import type { MeshModel } from '@weft/mesh-model';
import type { Service } from '@weft/runtime';
import {
  BACKEND_TLS_POLICIES,
  DESTINATION_RULES,
  ENVOY_FILTERS,
  GATEWAY_CLASSES,
  GATEWAYS,
  GRPC_ROUTES,
  HTTP_ROUTES,
  LISTENER_SETS,
  ISTIO_GATEWAYS,
  REFERENCE_GRANTS,
  REQUEST_AUTHENTICATIONS,
  TCP_ROUTES,
  TELEMETRIES,
  TLS_ROUTES,
  TRAFFIC_EXTENSIONS,
  VIRTUAL_SERVICES,
  WASM_PLUGINS,
} from '@weft/mesh-api';
import { AUTHORIZATION_POLICIES, PEER_AUTHENTICATIONS, SERVICE_ENTRIES, WORKLOAD_ENTRIES } from './kube-resources.js';
import { CREDENTIAL_SECRETS, credentialSink, trimConfigMap, trimSecret, trustBundleSink } from './credentials.js';
import { trimPod, withoutManagedFields } from './trim-object.js';

interface Feed {
  readonly plural: string;
  readonly informer: Informer<KubeObject>;
  /** Writes what is pending into the model. */
  readonly flush: () => void;
}

export interface KubeFeedOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  /** Something is pending; call `flush` before long. */
  readonly onPending: () => void;
  readonly onChange: (plural: string, event: 'add' | 'update' | 'delete') => void;
}

/**
 * Kubernetes into the model's sources. Changes are collected until `flush`, which writes them as one batch. When the API
 * server is away nothing changes: the model keeps the last state.
 */
export class KubeFeed implements Service {
  readonly name = 'Kubernetes informers';
  readonly #feeds: readonly Feed[];

  constructor(private readonly options: KubeFeedOptions) {
    const { sources } = options.model;
    this.#feeds = [
      this.#feed(NAMESPACES, sources.namespaces),
      this.#feed(NODES, sources.nodes),
      this.#feed(SERVICES, sources.services),
      this.#feed(ENDPOINT_SLICES, sources.endpointSlices),
      this.#feed(AUTHORIZATION_POLICIES, sources.authorizationPolicies),
      this.#feed(PEER_AUTHENTICATIONS, sources.peerAuthentications),
      this.#feed(SERVICE_ENTRIES, sources.serviceEntries),
      this.#feed(WORKLOAD_ENTRIES, sources.workloadEntries),
      this.#feed(GATEWAY_CLASSES, sources.gatewayClasses),
      this.#feed(GATEWAYS, sources.gateways),
      this.#feed(LISTENER_SETS, sources.listenerSets),
      this.#feed(ISTIO_GATEWAYS, sources.istioGateways),
      this.#feed(HTTP_ROUTES, sources.httpRoutes),
      this.#feed(GRPC_ROUTES, sources.grpcRoutes),
      this.#feed(TLS_ROUTES, sources.tlsRoutes),
      this.#feed(TCP_ROUTES, sources.tcpRoutes),
      this.#feed(REFERENCE_GRANTS, sources.referenceGrants),
      this.#feed(BACKEND_TLS_POLICIES, sources.backendTlsPolicies),
      this.#feed(VIRTUAL_SERVICES, sources.virtualServices),
      this.#feed(DESTINATION_RULES, sources.destinationRules),
      this.#feed(REQUEST_AUTHENTICATIONS, sources.requestAuthentications),
      this.#feed(TELEMETRIES, sources.telemetries),
      this.#feed(ENVOY_FILTERS, sources.envoyFilters),
      this.#feed(TRAFFIC_EXTENSIONS, sources.trafficExtensions),
      this.#feed(WASM_PLUGINS, sources.wasmPlugins),
      this.#feed(PODS, sources.pods, trimPod),
      this.#feed(CONFIG_MAPS, trustBundleSink(sources.trustBundles), trimConfigMap),
      this.#feed(SECRETS, credentialSink(sources), trimSecret, CREDENTIAL_SECRETS),
    ];
  }

  async start(): Promise<void> {
    for (const { informer } of this.#feeds) await informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#feeds.map(({ informer }) => informer.stop()));
  }

  /** Resolves when every kind was listed once: before that the mesh is not known whole, and nothing may be served. */
  get synced(): Promise<unknown> {
    return Promise.all(this.#feeds.map(({ informer }) => informer.synced));
  }

  /** The same by kind, to say what is missing. */
  get kinds(): readonly { readonly plural: string; readonly synced: Promise<void> }[] {
    return this.#feeds.map(({ plural, informer }) => ({ plural, synced: informer.synced }));
  }

  flush(): void {
    this.options.model.graph.batch(() => {
      for (const { flush } of this.#feeds) flush();
    });
  }

  /** The objects are those of the API; the model reads them structurally and tolerates anything. */
  #feed<T extends KubeObject, S>(
    type: ResourceType<T>,
    source: Pick<SourceCollection<S>, 'set' | 'delete'>,
    transform: (object: T) => T = withoutManagedFields,
    selection: Partial<typeof CREDENTIAL_SECRETS> = {},
  ): Feed {
    const { kube, onPending, onChange } = this.options;
    const informer = kube.informer(type, { ...selection, transform });
    const pending = new Map<string, T | undefined>();
    const change = (event: 'add' | 'update' | 'delete') => (object: T) => {
      pending.set(objectKey(object), event === 'delete' ? undefined : object);
      onChange(type.plural, event);
      onPending();
    };
    informer.on({ added: change('add'), updated: change('update'), deleted: change('delete') });
    const flush = (): void => {
      for (const [key, object] of pending) {
        if (object === undefined) source.delete(key);
        else source.set(key, object as unknown as S);
      }
      pending.clear();
    };
    return { plural: type.plural, informer: informer as unknown as Informer<KubeObject>, flush };
  }
}
