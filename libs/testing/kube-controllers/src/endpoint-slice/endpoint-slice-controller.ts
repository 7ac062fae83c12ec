import type { Service } from '@weft/runtime';
import {
  ENDPOINT_SLICES,
  keyOf,
  SERVICES,
  splitKey,
  type EndpointSlice,
  type KubeService,
  type Pod,
  type WorkQueue,
} from '@weft/kube';
import { equalJson } from '@weft/testing-kube-schema';
import { controllerQueue, queueSelf, requeueAfter, type ControllerContext, type Outcome } from '../controller.js';
import { controllerRef } from '../model/ownership.js';
import { PendingWrites } from '../model/pending-writes.js';
import { addressTypes, endpointGroups, type EndpointGroup } from './endpoints.js';
import { planSlices } from './slice-plan.js';

const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const MANAGER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';

/** Pods come and go in bursts; one write for a burst. */
const BATCH_MS = 20;

/** Keeps the EndpointSlices of Services with a selector. Slices that others made, and Services without selector, stay alone. */
export class EndpointSliceController implements Service {
  readonly name = 'EndpointSlice controller';
  readonly #queue: WorkQueue;
  readonly #pending: PendingWrites<EndpointSlice>;

  constructor(private readonly context: ControllerContext) {
    const { cluster, clock } = context;
    this.#pending = new PendingWrites(cluster.endpointSlices, clock);
    this.#queue = controllerQueue('endpointslices', context, (key) => this.#reconcile(key));
    queueSelf(cluster.services, this.#queue);
    const addOf = (pod: Pod): void => {
      for (const service of cluster.services.list())
        if (selects(service, pod))
          this.#queue.addAfter(keyOf(pod.metadata?.namespace, service.metadata?.name ?? ''), BATCH_MS);
    };
    cluster.pods.on({
      added: addOf,
      deleted: addOf,
      updated: (pod, old) => {
        if (equalJson(relevant(pod), relevant(old))) return;
        addOf(old);
        addOf(pod);
      },
    });
    const addServiceOf = (slice: EndpointSlice): void => {
      const service = slice.metadata?.labels?.[SERVICE_NAME];
      if (service !== undefined && isOurs(slice))
        this.#queue.addAfter(keyOf(slice.metadata?.namespace, service), BATCH_MS);
    };
    cluster.endpointSlices.on({ added: addServiceOf, updated: addServiceOf, deleted: addServiceOf });
  }

  start(): Promise<void> {
    return this.#queue.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#queue.stop(hard);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const { namespace = '', name } = splitKey(key);
    const { cluster } = this.context;
    const service = cluster.services.get(namespace, name);
    const slices = cluster.endpointSlices
      .list()
      .filter(
        (slice) =>
          slice.metadata?.namespace === namespace && slice.metadata.labels?.[SERVICE_NAME] === name && isOurs(slice),
      );
    if (service === undefined || service.metadata?.deletionTimestamp !== undefined) {
      for (const slice of slices) await this.#delete(slice);
      return undefined;
    }
    // A Service that lost its selector, or points to a name outside, keeps what it has: somebody else may care for it now.
    if (!hasSelector(service) || service.spec?.type === 'ExternalName') return undefined;
    const waitMs = this.#pending.waitMs(service.metadata?.uid ?? '');
    if (waitMs !== null) return requeueAfter(waitMs);
    await this.#write(service, slices);
    return undefined;
  }

  async #write(service: KubeService, slices: readonly EndpointSlice[]): Promise<void> {
    const { cluster } = this.context;
    const { namespace = '', uid = '' } = service.metadata ?? {};
    const pods = cluster.podsByNamespace.get(namespace).filter((pod) => selects(service, pod));
    const groups = withPlaceholders(
      service,
      endpointGroups(service, pods, (node) => cluster.nodes.get(undefined, node)),
    );
    const plan = planSlices(groups, slices);
    const labels = labelsOf(service);
    for (const { slice, endpoints } of plan.update) await this.#replace(slice, endpoints, labels);
    for (const { group, endpoints } of plan.create) {
      const created = await cluster.kube.create(ENDPOINT_SLICES, sliceOf(service, labels, group, endpoints));
      this.#pending.created(uid, created);
    }
    for (const slice of plan.delete) {
      await this.#delete(slice);
      this.#pending.deleted(uid, slice);
    }
    const changed = new Set([...plan.update.map(({ slice }) => slice), ...plan.delete]);
    for (const slice of slices) {
      if (!changed.has(slice) && !equalJson(slice.metadata?.labels, labels))
        await this.#replace(slice, slice.endpoints ?? [], labels);
    }
  }

  async #replace(
    slice: EndpointSlice,
    endpoints: EndpointGroup['endpoints'],
    labels: Record<string, string>,
  ): Promise<void> {
    await this.context.cluster.kube.replace(ENDPOINT_SLICES, {
      ...slice,
      metadata: { ...slice.metadata, labels },
      endpoints: [...endpoints],
    });
  }

  async #delete({ metadata }: EndpointSlice): Promise<void> {
    await this.context.cluster.kube.delete(ENDPOINT_SLICES, metadata?.namespace, metadata?.name ?? '');
  }
}

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata?.labels?.[MANAGED_BY] === MANAGER;
const hasSelector = ({ spec }: KubeService): boolean => Object.keys(spec?.selector ?? {}).length > 0;

const selects = (service: KubeService, pod: Pod): boolean =>
  service.metadata?.namespace === pod.metadata?.namespace &&
  hasSelector(service) &&
  Object.entries(service.spec?.selector ?? {}).every(([key, value]) => pod.metadata?.labels?.[key] === value);

/** What of a pod can change an endpoint. */
const relevant = ({ metadata, spec, status }: Pod): unknown => [
  metadata?.labels,
  metadata?.deletionTimestamp,
  spec?.nodeName,
  status?.phase,
  status?.podIPs ?? status?.podIP,
  status?.conditions?.find(({ type }) => type === 'Ready')?.status,
];

/** A Service without pods still has one empty slice for each family, so that watchers know it was looked at. */
function withPlaceholders(service: KubeService, groups: readonly EndpointGroup[]): EndpointGroup[] {
  const missing = addressTypes(service).filter((family) => !groups.some(({ addressType }) => addressType === family));
  return [...groups, ...missing.map((addressType) => ({ addressType, ports: [], endpoints: [] }))];
}

function labelsOf(service: KubeService): Record<string, string> {
  const own = Object.entries(service.metadata?.labels ?? {}).filter(
    ([key]) => key !== SERVICE_NAME && key !== MANAGED_BY && key !== HEADLESS,
  );
  const headless = service.spec?.clusterIP === 'None' ? { [HEADLESS]: '' } : {};
  return {
    ...Object.fromEntries(own),
    ...headless,
    [SERVICE_NAME]: service.metadata?.name ?? '',
    [MANAGED_BY]: MANAGER,
  };
}

function sliceOf(
  service: KubeService,
  labels: Record<string, string>,
  { addressType, ports }: Omit<EndpointGroup, 'endpoints'>,
  endpoints: EndpointGroup['endpoints'],
): EndpointSlice {
  const { name = '', namespace = '' } = service.metadata ?? {};
  return {
    metadata: { generateName: `${name}-`, namespace, labels, ownerReferences: [controllerRef(SERVICES, service)] },
    addressType,
    ports: [...ports],
    endpoints: [...endpoints],
  };
}
