import {
  DEPLOYMENTS,
  keyOf,
  splitKey,
  type Deployment,
  type Informer,
  type KubeClient,
  type KubeLog,
  type Pod,
} from '@weft/kube';
import { ANNOTATION_ACTIVATION_REQUESTED, LABEL_GATEWAY_NAME, objectMetaOf } from '@weft/mesh-api';
import { toError, type Clock } from '@weft/result';
import { LoadHistory, type LoadSample, type ProxyReading } from './load-history.js';
import type { ScalingSettings } from './scaling-settings.js';

export const ANNOTATION_ASLEEP = 'weft.io/asleep';
/** On the Deployment: the request of the Gateway that was last acted upon, or was there when it was put to sleep. */
export const ANNOTATION_ACTIVATION_SEEN = 'weft.io/activation-seen';

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
}

export type ScalingDirection = 'out' | 'in' | 'zero' | 'wake';

export interface WaypointScalerOptions {
  readonly kube: Pick<KubeClient, 'patch'>;
  readonly deployments: Pick<Informer<Deployment>, 'get'>;
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
    const { settings, key } = gateway;
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.gateway = gateway;
    else if (settings.toZero || settings.byLoad !== null || this.#deploymentOf(gateway)?.asleep === true)
      this.#entries.set(key, { gateway, history: new LoadHistory(this.options.clock.now()), busy: false });
    const now = this.#entries.get(key);
    if (now !== undefined) void this.#wake(now);
  }

  forget(key: string): void {
    this.#entries.delete(key);
  }

  #later(): void {
    if (this.#stopped) return;
    this.#cancel = this.options.clock.after(this.options.intervalMs, () => {
      void Promise.all([...this.#entries.values()].map((entry) => this.#look(entry))).then(() => this.#later());
    });
  }

  async #look(entry: Entry): Promise<void> {
    const { gateway, history } = entry;
    const { settings } = gateway;
    const deployment = this.#deploymentOf(gateway);
    if (deployment === null || entry.busy) return;
    if (deployment.replicas === 0) return this.#wake(entry);
    if (!settings.toZero && settings.byLoad === null) {
      this.#entries.delete(gateway.key);
      return;
    }
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

  /** Brings back what sleeps, if somebody waits for it or it may not sleep any more. */
  async #wake(entry: Entry): Promise<void> {
    const { gateway, history } = entry;
    const deployment = this.#deploymentOf(gateway);
    if (deployment === null || deployment.replicas !== 0 || entry.busy) return;
    const requested = requestOf(gateway);
    const isWanted = gateway.settings.toZero
      ? requested !== undefined && requested !== deployment.seen
      : deployment.asleep;
    if (!isWanted) return;
    history.woken(this.options.clock.now());
    await this.#scale(entry, 0, { replicas: gateway.settings.byLoad?.min ?? 1, sample: null });
  }

  async #scale(
    entry: Entry,
    before: number,
    { replicas, sample }: { readonly replicas: number; readonly sample: LoadSample | null },
  ): Promise<void> {
    const { kube, log, onScaled } = this.options;
    const { gateway } = entry;
    const { namespace } = splitKey(gateway.key);
    const direction = replicas === 0 ? 'zero' : before === 0 ? 'wake' : replicas > before ? 'out' : 'in';
    const seen = requestOf(gateway) ?? '';
    const marks =
      direction === 'zero' || direction === 'wake'
        ? { [ANNOTATION_ASLEEP]: replicas === 0 ? 'true' : null, [ANNOTATION_ACTIVATION_SEEN]: seen }
        : {};
    entry.busy = true;
    try {
      const patch = { metadata: { annotations: marks }, spec: { replicas } };
      await kube.patch(DEPLOYMENTS, namespace, gateway.workload, patch, { kind: 'merge' });
      onScaled(direction);
      log.info({ gateway: gateway.key, before, replicas, ...sample }, `proxies scaled: ${direction}`);
    } catch (thrown) {
      log.warn({ gateway: gateway.key, replicas, err: toError(thrown).message }, 'proxies not scaled; trying again');
    } finally {
      entry.busy = false;
    }
  }

  async #readings({ key, podLabel }: ScaledGateway): Promise<ReadonlyMap<string, ProxyReading | null>> {
    const { namespace } = splitKey(key);
    const ready = this.options.pods
      .list()
      .filter(
        ({ metadata, status }) =>
          metadata?.namespace === namespace &&
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

  #deploymentOf({ key, workload }: ScaledGateway) {
    const { namespace } = splitKey(key);
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
