import {
  DEPLOYMENTS,
  SERVICES,
  type KubeService,
  keyOf,
  splitKey,
  type Deployment,
  type Informer,
  type KubeClient,
  type KubeLog,
  type Pod,
} from '@weft/kube';
import {
  ANNOTATION_ACTIVATION_REQUESTED,
  ANNOTATION_CLAIMED_BY,
  LABEL_GATEWAY_NAME,
  objectMetaOf,
} from '@weft/mesh-api';
import { toError, type Clock } from '@weft/result';
import type { PoolCustomer, ProxyPool } from '../pool/proxy-pool.js';
import { LoadHistory, type LoadSample, type ProxyReading } from './load-history.js';
import type { ScalingSettings } from './scaling-settings.js';

const ANNOTATION_ASLEEP = 'weft.io/asleep';
/** On the Deployment: the request of the Gateway that was last acted upon, or was there when it was put to sleep. */
const ANNOTATION_ACTIVATION_SEEN = 'weft.io/activation-seen';

/** One Gateway as it was last reconciled. */
export interface ScaledGateway {
  /** `<namespace>/<name>`. */
  readonly key: string;
  readonly object: unknown;
  /** Name of its Deployment. */
  readonly workload: string;
  /** Value of the label by which its pods are known. */
  readonly podLabel: string;
  readonly settings: ScalingSettings;
  /** Null: its proxies are those of its Deployment. */
  readonly pool: PoolCustomer | null;
}

export type ScalingDirection = 'out' | 'in' | 'zero' | 'wake';

export interface WaypointScalerOptions {
  readonly kube: Pick<KubeClient, 'patch'>;
  readonly deployments: Pick<Informer<Deployment>, 'get'>;
  readonly services: Pick<Informer<KubeService>, 'get'>;
  readonly pool: Pick<ProxyPool, 'claimed' | 'serving' | 'scale' | 'sweep'>;
  /** Whether there is a Gateway, `<namespace>/<name>`. */
  readonly exists: (key: string) => boolean;
  readonly pods: Pick<Informer<Pod>, 'list'>;
  readonly read: (ip: string) => Promise<ProxyReading | null>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: KubeLog;
  readonly onScaled: (direction: ScalingDirection) => void;
}

interface Entry {
  gateway: ScaledGateway;
  history: LoadHistory;
  /** A write is on its way: what the caches show is older. */
  busy: boolean;
  /** The look before is not over. */
  looking: boolean;
}

/** For one term of leadership: gives Deployments the number of replicas that load, idleness and waiting connections ask for. */
export class WaypointScaler {
  readonly #entries = new Map<string, Entry>();
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(private readonly options: WaypointScalerOptions) {}

  start(): Promise<void> {
    this.#later();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    return Promise.resolve();
  }

  /** A Gateway was reconciled: whoever waits for it is served at once. */
  set(gateway: ScaledGateway): void {
    const { key } = gateway;
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.gateway = gateway;
    else if (this.#isScaled(gateway))
      this.#entries.set(key, {
        gateway,
        history: new LoadHistory(this.options.clock.now()),
        busy: false,
        looking: false,
      });
    const now = this.#entries.get(key);
    if (now !== undefined) void this.#wake(now);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #later(): void {
    if (this.#stopped) return;
    this.#cancel = this.options.clock.after(this.options.intervalMs, () => {
      void this.#lookAtAll().then(() => this.#later());
    });
  }

  #isScaled(gateway: ScaledGateway): boolean {
    const { settings, pool, key } = gateway;
    const isAsked = settings.toZero || settings.byLoad !== null || pool !== null;
    return isAsked || this.#stateOf(gateway)?.asleep === true || this.options.pool.claimed(key).length > 0;
  }

  async #lookAtAll(): Promise<void> {
    const failed = (thrown: unknown) =>
      this.options.log.warn({ err: toError(thrown).message }, 'looking at the proxies failed; trying again');
    // One whose proxies do not come up does not hold up the others.
    for (const entry of this.#entries.values()) {
      if (entry.looking) continue;
      entry.looking = true;
      void this.#look(entry)
        .catch(failed)
        .finally(() => (entry.looking = false));
    }
    await this.options.pool.sweep((key) => this.#needsPool(key)).catch(failed);
  }

  /** What wants its proxies elsewhere keeps those of the pool until others are ready. */
  #needsPool(key: string): boolean {
    const gateway = this.#entries.get(key)?.gateway;
    if (!this.options.exists(key)) return false;
    if (gateway === undefined || gateway.pool !== null) return true;
    const { namespace } = splitKey(key);
    return (this.options.deployments.get(namespace, gateway.workload)?.status?.readyReplicas ?? 0) === 0;
  }

  async #look(entry: Entry): Promise<void> {
    const { gateway, history } = entry;
    const { settings } = gateway;
    const deployment = this.#stateOf(gateway);
    if (deployment === null || entry.busy) return;
    if (deployment.replicas === 0) return this.#wake(entry);
    if (!this.#isScaled(gateway)) {
      this.#entries.delete(gateway.key);
      return;
    }
    await this.#finish(entry, deployment.replicas);
    const readings = await this.#readings(gateway);
    const nowMs = this.options.clock.now();
    const sample = history.look(readings, nowMs);
    if (readings.size === 0) {
      // Nobody is ready: whoever is being started is not idle.
      history.woken(nowMs);
      return;
    }
    const wanted = history.decide(sample, deployment.replicas, { settings, nowMs });
    if (wanted !== deployment.replicas && this.#entries.get(gateway.key) === entry)
      await this.#scale(entry, deployment.replicas, { replicas: wanted, sample });
  }

  /** Proxies that were claimed, by this process or the one before, and do not serve yet. */
  async #finish(entry: Entry, replicas: number): Promise<void> {
    const { pool } = this.options;
    const { pool: customer, key } = entry.gateway;
    if (customer === null || pool.serving(key) === replicas) return;
    entry.busy = true;
    await pool.scale(customer, replicas).finally(() => (entry.busy = false));
  }

  /** Brings back what sleeps, if somebody waits for it or it may not sleep any more. */
  async #wake(entry: Entry): Promise<void> {
    const { gateway, history } = entry;
    const deployment = this.#stateOf(gateway);
    if (deployment === null || deployment.replicas !== 0 || entry.busy) return;
    const requested = requestOf(gateway);
    const isWanted = gateway.settings.toZero
      ? requested !== undefined && requested !== deployment.seen
      : deployment.asleep || gateway.pool !== null;
    if (!isWanted) return;
    history.woken(this.options.clock.now());
    await this.#scale(entry, 0, { replicas: gateway.settings.byLoad?.min ?? 1, sample: null });
  }

  async #scale(
    entry: Entry,
    before: number,
    { replicas, sample }: { readonly replicas: number; readonly sample: LoadSample | null },
  ): Promise<void> {
    const { log, onScaled } = this.options;
    const { gateway } = entry;
    const direction = replicas === 0 ? 'zero' : before === 0 ? 'wake' : replicas > before ? 'out' : 'in';
    entry.busy = true;
    try {
      const done = await (gateway.pool === null
        ? this.#scaleDeployment(gateway, direction, replicas)
        : this.#scalePool(gateway, gateway.pool, replicas));
      if (!done) return;
      onScaled(direction);
      log.info({ gateway: gateway.key, before, replicas, ...sample }, `proxies scaled: ${direction}`);
    } catch (thrown) {
      log.warn({ gateway: gateway.key, replicas, err: toError(thrown).message }, 'proxies not scaled; trying again');
    } finally {
      entry.busy = false;
    }
  }

  async #scaleDeployment(gateway: ScaledGateway, direction: ScalingDirection, replicas: number): Promise<true> {
    const { namespace } = splitKey(gateway.key);
    const marks =
      direction === 'zero' || direction === 'wake'
        ? {
            [ANNOTATION_ASLEEP]: replicas === 0 ? 'true' : null,
            [ANNOTATION_ACTIVATION_SEEN]: requestOf(gateway) ?? '',
          }
        : {};
    const patch = { metadata: { annotations: marks }, spec: { replicas } };
    await this.options.kube.patch(DEPLOYMENTS, namespace, gateway.workload, patch, { kind: 'merge' });
    return true;
  }

  /** False: the pool gave nothing; the request stays to be acted upon. */
  async #scalePool(gateway: ScaledGateway, customer: PoolCustomer, replicas: number): Promise<boolean> {
    const { kube, pool } = this.options;
    const { namespace } = splitKey(gateway.key);
    await pool.scale(customer, replicas);
    if (replicas > 0 && pool.claimed(gateway.key).length === 0) return false;
    const annotations = { [ANNOTATION_ACTIVATION_SEEN]: requestOf(gateway) ?? '' };
    await kube.patch(SERVICES, namespace, gateway.workload, { metadata: { annotations } }, { kind: 'merge' });
    return true;
  }

  async #readings({ key, podLabel, pool }: ScaledGateway): Promise<ReadonlyMap<string, ProxyReading | null>> {
    const { namespace } = splitKey(key);
    const ready = this.options.pods
      .list()
      .filter(
        ({ metadata, status }) =>
          (pool === null
            ? metadata?.namespace === namespace
            : metadata?.annotations?.[ANNOTATION_CLAIMED_BY] === key) &&
          metadata?.labels?.[LABEL_GATEWAY_NAME] === podLabel &&
          metadata.deletionTimestamp === undefined &&
          status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true,
      );
    const entries = await Promise.all(
      ready.map(async ({ metadata, status }) => {
        const id = metadata?.uid ?? keyOf(metadata?.namespace, metadata?.name ?? '');
        return [id, status?.podIP === undefined ? null : await this.options.read(status.podIP)] as const;
      }),
    );
    return new Map(entries);
  }

  #stateOf({ key, workload, pool }: ScaledGateway) {
    const { namespace } = splitKey(key);
    if (pool !== null) {
      const service = this.options.services.get(namespace, workload);
      const replicas = this.options.pool.claimed(key).length;
      return { replicas, asleep: false, seen: service?.metadata?.annotations?.[ANNOTATION_ACTIVATION_SEEN] };
    }
    const deployment = this.options.deployments.get(namespace, workload);
    if (deployment === undefined) return null;
    const { annotations } = objectMetaOf(deployment);
    return {
      replicas: deployment.spec?.replicas ?? 1,
      asleep: annotations[ANNOTATION_ASLEEP] === 'true',
      seen: annotations[ANNOTATION_ACTIVATION_SEEN],
    };
  }
}

const requestOf = ({ object }: ScaledGateway): string | undefined =>
  objectMetaOf(object).annotations[ANNOTATION_ACTIVATION_REQUESTED];
