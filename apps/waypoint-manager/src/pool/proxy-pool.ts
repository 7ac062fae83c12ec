import { objectKey, PODS, splitKey, type Informer, type KubeClient, type KubeLog, type Pod } from '@weft/kube';
import {
  ANNOTATION_CLAIMED_ACCOUNT,
  ANNOTATION_CLAIMED_BY,
  LABEL_CANONICAL_NAME,
  LABEL_CANONICAL_REVISION,
  LABEL_GATEWAY_NAME,
  LABEL_POOL,
} from '@weft/mesh-api';
import { toError, type Clock } from '@weft/result';
import type { ClaimAnswer } from './claim-call.js';

/** In whose name a Gateway's proxies work. */
export interface PoolCustomer {
  /** `<namespace>/<name>` of the Gateway. */
  readonly key: string;
  readonly uid: string;
  readonly serviceAccount: string;
  /** Value of the label by which its pods are known. */
  readonly podLabel: string;
}

export interface ProxyPoolOptions {
  readonly kube: Pick<KubeClient, 'patch' | 'delete'>;
  readonly pods: Pick<Informer<Pod>, 'list'>;
  readonly tell: (ip: string, claim: { namespace: string; serviceAccount: string }) => Promise<ClaimAnswer>;
  readonly clock: Clock;
  readonly log: KubeLog;
  readonly onClaimed: (seconds: number) => void;
}

const ANNOTATION_CLAIMED_UID = 'weft.io/claimed-uid';
const ASK_AGAIN_MS = 20;
const SHOWS_MS = 5;
/** A proxy that does not serve by then is thrown away. */
const READY_MS = 20_000;

/**
 * Proxies that run already and belong to nobody, until a Gateway claims one. The claim is on the pod itself, so it outlives this
 * process; it is made before the proxy is told, and the pod joins the Gateway's Service once it serves. It never becomes another
 * Gateway's: what is let go is deleted.
 */
export class ProxyPool {
  /** Claimed, and brought into service by us just now: names of pods. */
  readonly #underWay = new Set<string>();

  constructor(private readonly options: ProxyPoolOptions) {}

  /** The proxies that a Gateway has, serving or about to. */
  claimed(key: string): readonly Pod[] {
    return this.options.pods
      .list()
      .filter(
        ({ metadata }) =>
          metadata?.annotations?.[ANNOTATION_CLAIMED_BY] === key && metadata.deletionTimestamp === undefined,
      );
  }

  serving(key: string): number {
    return this.claimed(key).filter((pod) => isServing(pod) && isReady(pod)).length;
  }

  /** Claims or lets go until there are as many; fewer when the pool is empty. Resolves when all that were claimed serve. */
  async scale(customer: PoolCustomer, replicas: number): Promise<void> {
    const mine = this.claimed(customer.key);
    const stale = mine.filter(({ metadata }) => metadata?.annotations?.[ANNOTATION_CLAIMED_UID] !== customer.uid);
    for (const pod of stale) await this.#remove(pod, 'the Gateway that claimed it is gone');
    const current = mine.filter((pod) => !stale.includes(pod));
    const surplus = [...current].sort(servingFirst).slice(replicas);
    for (const pod of surplus) await this.#remove(pod, 'the Gateway needs fewer');
    const unfinished = current.filter((pod) => !surplus.includes(pod) && !isServing(pod));
    const fresh = await this.#claim(customer, replicas - current.length);
    await Promise.all([...unfinished, ...fresh].map((pod) => this.#bringIn(customer, pod)));
  }

  /** Lets go of what Gateways have that are no more, or want their proxies elsewhere. */
  async sweep(isCustomer: (key: string) => boolean): Promise<void> {
    for (const pod of this.options.pods.list()) {
      const key = pod.metadata?.annotations?.[ANNOTATION_CLAIMED_BY];
      if (key === undefined || pod.metadata?.deletionTimestamp !== undefined || isCustomer(key)) continue;
      await this.#remove(pod, 'the Gateway that claimed it is gone');
    }
  }

  async #claim(customer: PoolCustomer, count: number): Promise<readonly Pod[]> {
    if (count <= 0) return [];
    const { kube, pods, log } = this.options;
    const { serviceAccount, key, uid } = customer;
    const warm = pods
      .list()
      .filter((pod) => pod.metadata?.labels?.[LABEL_POOL] === 'warm' && isReady(pod) && !this.#isUnderWay(pod));
    if (warm.length < count)
      log.warn({ gateway: key, wanted: count, warm: warm.length }, 'the pool of proxies is too small');
    const claimed: Pod[] = [];
    for (const pod of warm) {
      if (claimed.length === count) break;
      const { namespace, name = '', resourceVersion } = pod.metadata ?? {};
      const metadata = {
        // Of two who want it one gets it.
        ...(resourceVersion !== undefined && { resourceVersion }),
        labels: { [LABEL_POOL]: 'claimed' },
        annotations: {
          [ANNOTATION_CLAIMED_BY]: key,
          [ANNOTATION_CLAIMED_ACCOUNT]: serviceAccount,
          [ANNOTATION_CLAIMED_UID]: uid,
        },
      };
      this.#underWay.add(name);
      try {
        const patched = await kube.patch(PODS, namespace, name, { metadata }, { kind: 'merge' });
        claimed.push(patched);
        await this.#shows(key, name);
      } catch (thrown) {
        this.#underWay.delete(name);
        log.info({ pod: name, gateway: key, err: toError(thrown).message }, 'a proxy of the pool was not to be had');
      }
    }
    return claimed;
  }

  /** Until the cache has the claim: before, it would be claimed once more. */
  async #shows(key: string, name: string): Promise<void> {
    const { clock } = this.options;
    for (const endMs = clock.now() + READY_MS; clock.now() < endMs;) {
      if (this.claimed(key).some(({ metadata }) => metadata?.name === name)) return;
      await new Promise<void>((resolve) => clock.after(SHOWS_MS, resolve));
    }
  }

  async #bringIn({ key, serviceAccount, podLabel }: PoolCustomer, pod: Pod): Promise<void> {
    const { kube, clock, log, onClaimed } = this.options;
    const { namespace: home, name = '' } = pod.metadata ?? {};
    const { namespace = '' } = splitKey(key);
    const startedMs = clock.now();
    this.#underWay.add(name);
    try {
      if (!(await this.#serves(pod, { namespace, serviceAccount }))) {
        await this.#remove(pod, 'it did not serve in time');
        return;
      }
      const labels = {
        [LABEL_GATEWAY_NAME]: podLabel,
        [LABEL_CANONICAL_NAME]: podLabel,
        [LABEL_CANONICAL_REVISION]: 'latest',
      };
      await kube.patch(PODS, home, name, { metadata: { labels } }, { kind: 'merge' });
      onClaimed((clock.now() - startedMs) / 1000);
      log.info(
        { gateway: key, pod: name, tookMs: clock.now() - startedMs },
        'a proxy of the pool serves for a Gateway',
      );
    } catch (thrown) {
      log.warn(
        { gateway: key, pod: name, err: toError(thrown).message },
        'a claimed proxy was not brought in; trying again',
      );
    } finally {
      this.#underWay.delete(name);
    }
  }

  async #serves(pod: Pod, claim: { readonly namespace: string; readonly serviceAccount: string }): Promise<boolean> {
    const { tell, clock } = this.options;
    const ip = pod.status?.podIP;
    if (ip === undefined) return false;
    for (const endMs = clock.now() + READY_MS; clock.now() < endMs;) {
      const answer = await tell(ip, claim);
      if (answer === 'ready') return true;
      if (answer === 'refused') return false;
      await new Promise<void>((resolve) => clock.after(ASK_AGAIN_MS, resolve));
    }
    return false;
  }

  async #remove(pod: Pod, why: string): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata ?? {};
    this.options.log.info({ pod: objectKey(pod), why }, 'a proxy of the pool is let go');
    await this.options.kube.delete(PODS, namespace, name, uid === undefined ? {} : { preconditions: { uid } });
  }

  #isUnderWay({ metadata }: Pod): boolean {
    return this.#underWay.has(metadata?.name ?? '');
  }
}

const isServing = ({ metadata }: Pod): boolean => metadata?.labels?.[LABEL_GATEWAY_NAME] !== undefined;
const servingFirst = (a: Pod, b: Pod): number => Number(isServing(b)) - Number(isServing(a));
const isReady = ({ metadata, status }: Pod): boolean =>
  metadata?.deletionTimestamp === undefined &&
  status?.podIP !== undefined &&
  status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
