import { groupStates, ownerKey, shortName, type ListenerGroupState } from '@weft/gateway-api';
import {
  keyOf,
  objectKey,
  splitKey,
  StatusWriter,
  WorkQueue,
  type Condition,
  type KubeClient,
  type KubeLog,
  type KubeObject,
} from '@weft/kube';
import { GATEWAYS, LISTENER_SETS } from '@weft/mesh-api';
import type { Clock } from '@weft/result';
import type { GatewayInformers, GatewayReconciler, GatewayResult } from './gateway-reconciler.js';
import type { ListenerSets } from './listener-sets.js';
import type { ProxyPool } from './pool/proxy-pool.js';
import type { WaypointScaler } from './scaling/waypoint-scaler.js';
import type { AttachedRoutes } from './status/attached-routes.js';
import type { CertificateSecrets } from './status/certificate-secrets.js';
import { clientCertificateVerdict } from './status/client-certificate.js';
import { gatewayStatus, type GatewayStatus } from './status/gateway-status.js';
import type { NamedServices } from './status/named-services.js';
import { isAttached, listenerSetStatus, type ListenerSetStatus } from './status/listener-set-status.js';
import { listenerStatus } from './status/listener-status.js';
import { FIELD_MANAGER } from './workloads/object-applier.js';

export interface GatewayControllerOptions {
  readonly kube: KubeClient;
  readonly informers: GatewayInformers;
  readonly reconciler: GatewayReconciler;
  readonly routes: AttachedRoutes;
  readonly certificates: CertificateSecrets;
  readonly listenerSets: ListenerSets;
  readonly namedServices: Pick<NamedServices, 'of'>;
  readonly clusterDomain: string;
  readonly clock: Clock;
  readonly log: KubeLog;
  readonly scaler: WaypointScaler;
  readonly pool: ProxyPool;
  readonly onReconciled: (seconds: number) => void;
}

type GatewayObject = KubeObject & { status?: GatewayStatus };
type ListenerSetObject = KubeObject & { status?: ListenerSetStatus };

/** One term of leadership: reconciles Gateways whenever something that they depend on changes, until it is stopped. */
export class GatewayController {
  readonly #queue: WorkQueue;
  readonly #writer: StatusWriter<GatewayObject>;
  readonly #setWriter: StatusWriter<ListenerSetObject>;
  readonly #unsubscribe: (() => void)[] = [];

  constructor(private readonly options: GatewayControllerOptions) {
    const { kube, log } = options;
    this.#queue = new WorkQueue({ name: 'gateways', concurrency: 4, log, handle: (key) => this.#handle(key) });
    this.#writer = new StatusWriter<GatewayObject>({ kube, type: GATEWAYS, fieldManager: FIELD_MANAGER, log });
    this.#setWriter = new StatusWriter({ kube, type: LISTENER_SETS, fieldManager: FIELD_MANAGER, log });
  }

  async start(): Promise<void> {
    await this.#writer.start();
    await this.#setWriter.start();
    await this.#queue.start();
    await this.options.scaler.start();
    const { gateways, classes, configMaps, namespaces } = this.options.informers;
    const add = (object: KubeObject) => this.enqueue(objectKey(object));
    const all = () => this.#enqueueAll();
    const ofConfigMap = (map: Parameters<GatewayReconciler['gatewaysOfConfigMap']>[0]) => {
      for (const key of this.options.reconciler.gatewaysOfConfigMap(map)) this.enqueue(key);
    };
    this.#unsubscribe.push(
      gateways.on({ added: add, updated: add, deleted: (gateway) => this.#forget(gateway) }),
      classes.on({ added: all, updated: all, deleted: all }),
      configMaps.on({ added: ofConfigMap, updated: ofConfigMap, deleted: ofConfigMap }),
      namespaces.on({
        updated: (now, before) => {
          if (JSON.stringify(now.metadata?.labels) !== JSON.stringify(before.metadata?.labels)) all();
        },
      }),
    );
  }

  async stop(hard: AbortSignal): Promise<void> {
    for (const end of this.#unsubscribe.splice(0)) end();
    await this.options.scaler.stop();
    await this.#queue.stop(hard);
    await this.#writer.stop(hard);
    await this.#setWriter.stop(hard);
  }

  enqueue(key: string): void {
    this.#queue.add(key);
  }

  #enqueueAll(): void {
    for (const gateway of this.options.informers.gateways.list()) this.enqueue(objectKey(gateway));
  }

  #forget(gateway: KubeObject): void {
    this.#writer.forget(gateway);
    this.options.scaler.forget(objectKey(gateway));
  }

  async #handle(key: string): Promise<undefined> {
    const startedMs = performance.now();
    const result = await this.options.reconciler.reconcile(key);
    if (result !== null) this.#writer.set(result.object, this.#statusOf(key, result));
    this.#scale(key, result);
    this.options.onReconciled((performance.now() - startedMs) / 1000);
    return undefined;
  }

  #scale(key: string, result: GatewayResult | null): void {
    const { scaler } = this.options;
    if (result === null || result.workload === null || result.scaling === null) {
      scaler.forget(key);
      return;
    }
    const { object, workload, scaling: settings, gateway, pool } = result;
    scaler.set({ key, object, workload, podLabel: shortName(gateway.meta.name), settings, pool });
  }

  #statusOf(key: string, result: GatewayResult): GatewayStatus {
    const { informers, clusterDomain, clock } = this.options;
    const { namespace = '' } = splitKey(key);
    const now = new Date(clock.now()).toISOString();
    const name = result.workload ?? undefined;
    const { listeners, attachedListenerSets } = this.#listeners(result, now);
    return gatewayStatus({
      result,
      service: name === undefined ? undefined : informers.services.get(namespace, name),
      named: this.options.namedServices.of(result.object),
      proxies: this.#proxies(key, result, name),
      listeners,
      attachedListenerSets,
      resolvedRefs: clientCertificateVerdict(
        result.gateway,
        this.options.certificates.of({ kind: 'Gateway', namespace }, result.gateway),
      ),
      clusterDomain,
      now,
    });
  }

  #proxies(key: string, { pool: customer }: GatewayResult, name: string | undefined) {
    const { informers, pool } = this.options;
    if (customer !== null) return { wanted: pool.claimed(key).length, ready: pool.serving(key) };
    const { namespace } = splitKey(key);
    const deployment = name === undefined ? undefined : informers.deployments.get(namespace, name);
    if (deployment === undefined) return null;
    return { wanted: deployment.spec?.replicas ?? 1, ready: deployment.status?.readyReplicas ?? 0 };
  }

  /** Of the Gateway itself; that of its ListenerSets is written. */
  #listeners(
    { object, gateway, kind }: GatewayResult,
    now: string,
  ): Pick<GatewayStatus, 'listeners' | 'attachedListenerSets'> {
    const { certificates, listenerSets } = this.options;
    const { meta, spec } = gateway;
    if (spec === null) return { listeners: [], attachedListenerSets: 0 };
    const role = kind.proxy?.role ?? 'router';
    const [own, ...added] = groupStates(listenerSets.groupsOf({ meta, spec }), role, (owner) =>
      certificates.of(owner, gateway),
    );
    let attachedListenerSets = 0;
    for (const set of listenerSets.naming({ meta, spec })) {
      const key = ownerKey({ kind: 'ListenerSet', ...set.meta });
      const group = added.find(({ owner }) => ownerKey(owner) === key);
      const listeners = group === undefined ? null : this.#statesOf(group, set.object, now);
      if (listeners !== null && isAttached(listeners)) attachedListenerSets++;
      this.#setWriter.set(set.object, listenerSetStatus({ object: set.object, listeners, now }));
    }
    return { listeners: this.#statesOf(own!, object, now), attachedListenerSets };
  }

  #statesOf(group: ListenerGroupState, object: GatewayObject | ListenerSetObject, now: string) {
    const counts = this.options.routes.count(group);
    const existing = object.status?.listeners ?? [];
    return group.listeners.map((state) => {
      const { name } = state.listener;
      const before: readonly Condition[] = existing.find((one) => one.name === name)?.conditions ?? [];
      const generation = object.metadata?.generation ?? 0;
      return listenerStatus(state, { attachedRoutes: counts.get(name) ?? 0, existing: before, generation, now });
    });
  }
}

/** The Gateway that owns an object. */
export function ownerGatewayOf({ metadata }: KubeObject): string | null {
  const owner = metadata?.ownerReferences?.find(({ kind }) => kind === GATEWAYS.kind);
  return owner === undefined ? null : keyOf(metadata?.namespace, owner.name);
}
