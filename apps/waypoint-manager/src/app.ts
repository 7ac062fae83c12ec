import {
  CONFIG_MAPS,
  LeaderElector,
  MeshTrustWatch,
  NAMESPACES,
  splitKey,
  PODS,
  type ConfigMap,
  type Deployment,
  type Informer,
  type KubeClient,
  type KubeObject,
  type KubeService,
  type Pod,
} from '@weft/kube';
import { ANNOTATION_CLAIMED_BY, GATEWAY_CLASSES, GATEWAYS } from '@weft/mesh-api';
import { TRUST_BUNDLE_KEY } from '@weft/gateway-api';
import type { Clock } from '@weft/result';
import { AdminServer, Readiness, type Logger, type Service } from '@weft/runtime';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { WaypointManagerConfig } from './config.js';
import { GatewayClasses } from './gateway-classes.js';
import { GatewayController, ownerGatewayOf } from './gateway-controller.js';
import { GatewayReconciler } from './gateway-reconciler.js';
import { ListenerSets } from './listener-sets.js';
import { WaypointManagerMetrics } from './metrics.js';
import { AttachedRoutes } from './status/attached-routes.js';
import { NamedServices } from './status/named-services.js';
import { CertificateSecrets } from './status/certificate-secrets.js';
import { applyPool } from './pool/apply-pool.js';
import { tellClaim } from './pool/claim-call.js';
import { POOL_NAME } from './pool/pool-objects.js';
import { ProxyPool } from './pool/proxy-pool.js';
import { readProxy } from './scaling/proxy-readings.js';
import { WaypointScaler } from './scaling/waypoint-scaler.js';
import { LABEL_MANAGED, OBJECT_TYPES } from './workloads/desired-objects.js';
import { ObjectApplier } from './workloads/object-applier.js';
import { KNOWN_KEYS, PARAMETER_KEYS } from './workloads/parameters.js';

export interface WaypointManagerApp {
  readonly services: readonly Service[];
  readonly readiness: Readiness;
  readonly admin: AdminServer;
}

const LEASE = 'weft-waypoint-manager-leader';
const STOP_MS = 5000;

/** The one composition root of the waypoint manager. */
export function createWaypointManager(
  config: WaypointManagerConfig,
  { kube, clock, log }: { readonly kube: KubeClient; readonly clock: Clock; readonly log: Logger },
): WaypointManagerApp {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new WaypointManagerMetrics(registry);
  const readiness = new Readiness(['kubernetes synced']);

  const managed = { labelSelector: LABEL_MANAGED };
  const owned = {
    serviceAccount: kube.informer(OBJECT_TYPES.serviceAccount, managed),
    service: kube.informer(OBJECT_TYPES.service, managed),
    deployment: kube.informer(OBJECT_TYPES.deployment, managed),
    horizontalPodAutoscaler: kube.informer(OBJECT_TYPES.horizontalPodAutoscaler, managed),
    podDisruptionBudget: kube.informer(OBJECT_TYPES.podDisruptionBudget, managed),
  };
  const pods = kube.informer(PODS, { ...managed, transform: withoutSpec });
  const namespaces = kube.informer(NAMESPACES);
  const informers = {
    gateways: kube.informer<KubeObject>(GATEWAYS),
    classes: kube.informer<KubeObject>(GATEWAY_CLASSES),
    configMaps: kube.informer(CONFIG_MAPS, { transform: onlyParameters }),
    namespaces,
    deployments: owned.deployment as unknown as Informer<Deployment>,
    services: owned.service as unknown as Informer<KubeService>,
  };
  let controller: GatewayController | null = null;
  const enqueue = (key: string | null): void => {
    if (key !== null) controller?.enqueue(key);
  };
  const namedServices = new NamedServices({
    kube,
    gateways: informers.gateways,
    clusterDomain: config.clusterDomain,
    onChange: enqueue,
  });
  const listenerSets = new ListenerSets(kube, namespaces, enqueue);
  const routes = new AttachedRoutes(kube, namespaces, (owner) => {
    const [kind, namespace = '', name = ''] = owner.split('/');
    enqueue(kind === 'Gateway' ? `${namespace}/${name}` : listenerSets.gatewayOf(namespace, name));
  });
  const certificates = new CertificateSecrets(kube, informers.configMaps);
  const refresh = (): void => {
    for (const gateway of informers.gateways.list())
      if (gateway.metadata !== undefined) enqueue(`${gateway.metadata.namespace ?? ''}/${gateway.metadata.name ?? ''}`);
  };
  const refreshing = { added: refresh, updated: refresh, deleted: refresh };
  certificates.secrets.on(refreshing);
  certificates.grants.on(refreshing);
  for (const key of PARAMETER_KEYS) {
    const owner = (object: KubeObject) => enqueue(ownerGatewayOf(object));
    // Both owners: somebody may have taken an object out of its Gateway.
    const changed = (now: KubeObject, before: KubeObject) => {
      owner(now);
      owner(before);
    };
    owned[key].on({ added: owner, updated: changed, deleted: owner });
  }

  const pool = new ProxyPool({
    kube,
    pods,
    tell: tellClaim,
    clock,
    log,
    onClaimed: (seconds) => metrics.claimTime.observe(seconds),
  });
  const ofClaim = (pod: Pod): void => enqueue(pod.metadata?.annotations?.[ANNOTATION_CLAIMED_BY] ?? null);
  pods.on({ added: ofClaim, updated: ofClaim, deleted: ofClaim });
  const { namespace, trustDomain } = config;
  const trust = new MeshTrustWatch({ kube, namespace, trustDomain, log });
  trust.onChange(() => {
    refresh();
    if (controller !== null) void applyPool(kube, followed, log);
  });
  const followed: WaypointManagerConfig = {
    ...config,
    /** Proxies are rolled out with another name: it is in their pods, and each asks for its certificate by it. */
    get trustDomain() {
      return trust.current.trustDomain;
    },
  };
  owned.deployment.on({
    deleted: ({ metadata }) => {
      const isPool = metadata?.name === POOL_NAME && metadata.namespace === config.namespace;
      if (isPool && controller !== null && config.pool.size > 0) void applyPool(kube, followed, log);
    },
  });
  const applier = new ObjectApplier(kube, owned, (kind) => metrics.writes.inc({ kind }));
  const reconciler = new GatewayReconciler(followed, informers, applier, listenerSets);
  const elector = new LeaderElector({
    kube,
    namespace: config.namespace,
    name: LEASE,
    identity: config.podName,
    log,
    lead: (signal) => {
      metrics.leader.set(1);
      const classes = new GatewayClasses({ kube, classes: informers.classes, clock, log });
      const term = new GatewayController({
        kube,
        informers,
        reconciler,
        routes,
        certificates,
        listenerSets,
        namedServices,
        pool,
        scaler: new WaypointScaler({
          kube,
          pool,
          services: informers.services,
          exists: (key) => {
            const { namespace, name } = splitKey(key);
            return informers.gateways.get(namespace, name) !== undefined;
          },
          deployments: informers.deployments,
          pods,
          read: readProxy,
          intervalMs: config.scalingIntervalMs,
          clock,
          log,
          onScaled: (direction) => metrics.scalings.inc({ direction }),
        }),
        clusterDomain: config.clusterDomain,
        clock,
        log,
        onReconciled: (seconds) => metrics.reconcileTime.observe(seconds),
      });
      controller = term;
      void synced.then(() => {
        if (!signal.aborted) void Promise.all([classes.start(), term.start(), applyPool(kube, followed, log)]);
      });
      signal.addEventListener('abort', () => {
        metrics.leader.set(0);
        controller = null;
        void Promise.all([classes.stop(AbortSignal.timeout(STOP_MS)), term.stop(AbortSignal.timeout(STOP_MS))]);
      });
    },
  });
  const all: readonly (Service & { readonly synced: Promise<unknown> })[] = [
    namespaces,
    pods,
    informers.classes,
    informers.gateways,
    informers.configMaps,
    ...Object.values(owned),
    namedServices.informer,
    listenerSets.informer,
    ...routes.informers,
    certificates.secrets,
    certificates.grants,
  ];
  const synced = Promise.all(all.map((informer) => informer.synced));
  void synced.then(() => readiness.done('kubernetes synced'));
  const admin = new AdminServer({
    name: 'waypoint manager',
    host: config.adminHost,
    port: config.adminPort,
    readiness,
    registry,
  });
  return { services: [admin, trust, ...all, elector], readiness, admin };
}

/** What a proxy runs with is of no concern. */
function withoutSpec({ metadata, status }: Pod): Pod {
  return { ...(metadata && { metadata }), ...(status && { status }) };
}

const KEPT_KEYS: readonly string[] = [...KNOWN_KEYS, TRUST_BUNDLE_KEY];

/** ConfigMaps may be large, and few of them are ours. */
function onlyParameters(map: ConfigMap): ConfigMap {
  const data = Object.entries(map.data ?? {}).filter(([, text]) => text.length < 65_536);
  const relevant = data.some(([key]) => KEPT_KEYS.includes(key));
  return { ...(map.metadata && { metadata: map.metadata }), ...(relevant && { data: Object.fromEntries(data) }) };
}
