import type { Service } from '@weft/runtime';
import { SERVICES, splitKey, type KubeService, type WorkQueue } from '@weft/kube';
import { controllerQueue, queueSelf, writeStatus, type ControllerContext, type Outcome } from '../controller.js';

/** Networks of addresses that nothing else in the cluster has; nodes translate them as they do ClusterIPs. */
const NETWORKS = { IPv4: '172.30.255.', IPv6: 'fd00:172:30::ff' } as const;
const LAST = 254;

type Family = keyof typeof NETWORKS;

/** Gives each Service of type LoadBalancer an address per family: the one that it asks for if that is free, else the next. */
export class LoadBalancerController implements Service {
  readonly name = 'load balancer controller';
  readonly #queue: WorkQueue;
  /** Address -> uid of the Service that it was given to, before the cache shows it. */
  readonly #given = new Map<string, string>();

  constructor(private readonly context: ControllerContext) {
    const { cluster } = context;
    // One at a time: two would be given the same address.
    this.#queue = controllerQueue('load balancers', context, (key) => this.#reconcile(key), 1);
    queueSelf(cluster.services, this.#queue);
    cluster.services.on({ deleted: ({ metadata }) => this.#forget(metadata?.uid) });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const { cluster } = this.context;
    const service = cluster.services.get(namespace, name);
    if (service === undefined || service.metadata?.deletionTimestamp !== undefined) return undefined;
    const isBalanced = service.spec?.type === 'LoadBalancer';
    const current = service.status?.loadBalancer?.ingress ?? [];
    if (!isBalanced && current.length === 0) return undefined;
    if (!isBalanced) this.#forget(service.metadata?.uid);
    const ingress = isBalanced ? familiesOf(service).map((family) => ({ ip: this.#addressFor(service, family) })) : [];
    await writeStatus(cluster.kube, SERVICES, service, { ...service.status, loadBalancer: { ingress } });
    return undefined;
  }

  #addressFor(service: KubeService, family: Family): string {
    const uid = service.metadata?.uid ?? '';
    const taken = this.#taken();
    const isFree = (address: string): boolean => (taken.get(address) ?? uid) === uid;
    const asked = (service.spec as { readonly loadBalancerIP?: string } | undefined)?.loadBalancerIP ?? '';
    const inUse = [...taken].flatMap(([address, owner]) => (owner === uid ? [address] : []));
    const wanted = [asked, ...inUse].find((one) => one !== '' && familyOf(one) === family && isFree(one));
    const address = wanted ?? nextOf(family, taken);
    this.#given.set(address, uid);
    return address;
  }

  #taken(): ReadonlyMap<string, string> {
    const taken = new Map(this.#given);
    for (const service of this.context.cluster.services.list())
      for (const address of addressesOf(service)) taken.set(address, service.metadata?.uid ?? '');
    return taken;
  }

  #forget(uid: string | undefined): void {
    for (const [address, owner] of this.#given) if (owner === uid) this.#given.delete(address);
  }
}

const familyOf = (address: string): Family => (address.includes(':') ? 'IPv6' : 'IPv4');
const familiesOf = ({ spec }: KubeService): readonly Family[] =>
  spec?.ipFamilies === undefined || spec.ipFamilies.length === 0 ? ['IPv4'] : (spec.ipFamilies as readonly Family[]);
const addressesOf = ({ status }: KubeService): readonly string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);

function nextOf(family: Family, taken: ReadonlyMap<string, string>): string {
  for (let i = 1; i <= LAST; i++) {
    const address = `${NETWORKS[family]}${family === 'IPv4' ? i : i.toString(16).padStart(2, '0')}`;
    if (!taken.has(address)) return address;
  }
  throw new Error(`every one of ${LAST} ${family} load balancer addresses is taken`);
}
