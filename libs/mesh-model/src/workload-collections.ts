import type { Collection, FetchContext, Graph } from '@weft/collections';
import {
  ANNOTATION_REDIRECTION,
  LABEL_GATEWAY_NAME,
  objectMetaOf,
  parseWorkloadEntry,
  poolClaimOf,
  REDIRECTION_ENABLED,
  type ServiceEntry,
  type WorkloadEntry,
  type WorkloadEntrySpec,
} from '@weft/mesh-api';
import type { GatewayAddress, Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { entryTargetPort, entryWorkload, inlineEntryUid, workloadEntryUid } from './entry-workload.js';
import type { PodObject } from './kube-objects.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import type { MeshSources } from './mesh-sources.js';
import { isHostNetwork, podAddresses, podTargetPort, podWorkload } from './pod-workload.js';
import type { PolicyCollections } from './policy-collections.js';
import { serviceNameOf } from './service-claim.js';
import type { ServiceCollections } from './service-collections.js';
import { endpointsOfSlice, sliceTargetPort, sliceWorkload, type SliceEndpoint } from './slice-endpoints.js';
import type { SurroundingsCollections } from './surroundings-collections.js';
import { waypointAddressOf, type WaypointBindings } from './waypoints/waypoint-bindings.js';
import { workloadServices, type ServiceBinding } from './workload-services.js';

export interface WorkloadInputs {
  readonly graph: Graph;
  readonly sources: MeshSources;
  readonly config: MeshModelConfig;
  readonly surroundings: SurroundingsCollections;
  readonly services: ServiceCollections;
  readonly policies: PolicyCollections;
  readonly bindings: WaypointBindings;
}

export interface WorkloadCollections {
  readonly workloadEntries: Collection<WorkloadEntry & { readonly captured: boolean }>;
  /** All workloads, by uid. */
  readonly workloads: Collection<Workload>;
}

const key = ({ uid }: Workload): string => uid;
const some = <T>(value: T | null): readonly T[] => (value === null ? [] : [value]);

export function workloadCollections(inputs: WorkloadInputs): WorkloadCollections {
  const { graph, sources } = inputs;
  const slices = graph.deriveMany('slice endpoints', sources.endpointSlices, endpointsOfSlice, {
    key: (endpoint) => endpoint.key,
  });
  const workloadEntries = graph.derive('parsed workload entries', sources.workloadEntries, (object) => ({
    ...parseWorkloadEntry(object),
    captured: objectMetaOf(object).annotations[ANNOTATION_REDIRECTION] === REDIRECTION_ENABLED,
  }));
  const workloads = graph.union('workloads', [
    podWorkloads(inputs, slices),
    ofWorkloadEntries(inputs, workloadEntries),
    ofServiceEntries(inputs),
    ofSlices(inputs, slices),
  ]);
  return { workloadEntries, workloads };
}

function podWorkloads(inputs: WorkloadInputs, slices: Collection<SliceEndpoint>): Collection<Workload> {
  const { graph, sources, surroundings, services, policies, bindings } = inputs;
  const unselected = graph.filter('pod endpoints of services without selector', slices, ({ pod, claimKey }, fetch) => {
    const claim = fetch.get(services.claims, claimKey);
    return pod !== '' && claim !== undefined && claim.selector === null;
  });
  const byPod = graph.index('slice endpoints by pod', unselected, ({ pod }) => [pod]);
  const byAddress = graph.index('pods by address', sources.pods, (pod) =>
    isHostNetwork(pod) ? [] : podAddresses(pod).map(({ text }) => text),
  );
  const build = (pod: PodObject, fetch: FetchContext, podKey: string): readonly Workload[] => {
    const { namespace: home, labels } = objectMetaOf(pod);
    const namespace = poolClaimOf(pod, inputs.config.rootNamespace)?.namespace ?? home;
    if (!isHostNetwork(pod) && podAddresses(pod).some(({ text }) => ownerOf(fetch.lookup(byAddress, text)) !== pod))
      return [];
    const selected = services
      .selecting(fetch, namespace, labels)
      .map((claim): ServiceBinding => ({ claim, targetPortOf: (port) => podTargetPort(pod, port) }));
    const sliced = fetch.lookup(byPod, podKey).flatMap((endpoint): readonly ServiceBinding[] => {
      const claim = fetch.get(services.claims, endpoint.claimKey);
      return claim === undefined ? [] : [{ claim, targetPortOf: sliceTargetPort(endpoint) }];
    });
    const workload = podWorkload(pod, {
      config: surroundings.configOf(fetch),
      network: surroundings.networkOf(fetch),
      locality: pod.spec?.nodeName === undefined ? undefined : fetch.get(surroundings.localities, pod.spec.nodeName),
      services: workloadServices([...selected, ...sliced]),
      policies: policies.policiesFor(fetch, namespace, labels),
      waypoint: waypointOfPod(fetch, bindings, namespace, labels),
    });
    return some(workload);
  };
  return graph.deriveMany('pod workloads', sources.pods, build, { key });
}

/** The pods of waypoints and gateways have none. */
function waypointOfPod(
  fetch: FetchContext,
  bindings: WaypointBindings,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): GatewayAddress | undefined {
  if (LABEL_GATEWAY_NAME in labels) return undefined;
  return waypointAddressOf(bindings.bindingOf(fetch, { namespace, labels, traffic: 'workload' }));
}

/** An address that was given on while its old pod still goes away belongs to the pod that stays, else to the newer one. */
function ownerOf(pods: readonly PodObject[]): PodObject | undefined {
  if (pods.length < 2) return pods[0];
  const rank = (pod: PodObject): string =>
    `${pod.metadata?.deletionTimestamp === undefined ? 1 : 0}${objectMetaOf(pod).createdAt}`;
  return [...pods].sort((a, b) => (rank(a) > rank(b) ? -1 : rank(a) < rank(b) ? 1 : 0))[0];
}

function bindingsOf(
  { services }: WorkloadInputs,
  fetch: FetchContext,
  namespace: string,
  entry: WorkloadEntrySpec,
): readonly ServiceBinding[] {
  return services
    .selecting(fetch, namespace, entry.labels)
    .map((claim) => ({ claim, targetPortOf: (port) => entryTargetPort(entry, port) }));
}

function ofWorkloadEntries(
  inputs: WorkloadInputs,
  entries: WorkloadCollections['workloadEntries'],
): Collection<Workload> {
  const { graph, config, surroundings, policies } = inputs;
  return graph.deriveMany(
    'workloads of workload entries',
    entries,
    ({ meta, spec, captured }, fetch) => {
      if (spec === null) return [];
      // A WorkloadEntry may carry its labels in either place; those of the spec win.
      const entry = { ...spec, labels: { ...meta.labels, ...spec.labels } };
      return some(
        entryWorkload(entry, {
          config: surroundings.configOf(fetch),
          uid: workloadEntryUid(config, meta),
          name: meta.name,
          namespace: meta.namespace,
          network: surroundings.networkOf(fetch),
          captured,
          services: workloadServices(bindingsOf(inputs, fetch, meta.namespace, entry)),
          policies: policies.policiesFor(fetch, meta.namespace, entry.labels),
        }),
      );
    },
    { key },
  );
}

function ofServiceEntries(inputs: WorkloadInputs): Collection<Workload> {
  const { graph, config, surroundings, policies, services } = inputs;
  const build = ({ meta, spec }: ServiceEntry, fetch: FetchContext): readonly Workload[] => {
    if (spec === null) return [];
    return endpointsOf(spec).flatMap(({ entry, hosts }) => {
      const bindings = hosts.flatMap((host): readonly ServiceBinding[] => {
        const claim = fetch.get(services.claims, `ServiceEntry/${meta.namespace}/${meta.name}/${host}`);
        // Another resource may hold the name; its endpoints are then its own.
        const holds = claim !== undefined && fetch.get(services.winners, serviceNameOf(claim)) === claim;
        return holds ? [{ claim, targetPortOf: (port) => entryTargetPort(entry, port) }] : [];
      });
      return some(
        entryWorkload(entry, {
          config: surroundings.configOf(fetch),
          uid: inlineEntryUid(config, meta, entry.address),
          name: meta.name,
          namespace: meta.namespace,
          network: surroundings.networkOf(fetch),
          captured: false,
          services: workloadServices(bindings),
          policies: policies.policiesFor(fetch, meta.namespace, entry.labels),
        }),
      );
    });
  };
  return graph.deriveMany('workloads of service entries', services.parsedEntries, build, { key });
}

/** Inline endpoints serve every host; a DNS entry without any means each host is its own endpoint. */
function endpointsOf(
  spec: NonNullable<ServiceEntry['spec']>,
): readonly { entry: WorkloadEntrySpec; hosts: readonly string[] }[] {
  const { hosts, endpoints, resolution, workloadSelector } = spec;
  if (resolution === 'NONE' || workloadSelector !== undefined) return [];
  if (endpoints.length > 0) return endpoints.map((entry) => ({ entry, hosts }));
  if (resolution !== 'DNS' && resolution !== 'DNS_ROUND_ROBIN') return [];
  return hosts
    .filter((host) => !host.startsWith('*'))
    .map((host) => ({
      entry: { address: host, ports: {}, labels: {}, network: '', locality: '', serviceAccount: '' },
      hosts: [host],
    }));
}

function ofSlices(
  { graph, config, surroundings, services }: WorkloadInputs,
  slices: Collection<SliceEndpoint>,
): Collection<Workload> {
  return graph.deriveMany(
    'workloads of endpoint slices',
    slices,
    (endpoint, fetch) => {
      const claim = endpoint.pod === '' ? fetch.get(services.claims, endpoint.claimKey) : undefined;
      return claim === undefined ? [] : [sliceWorkload(endpoint, claim, config, surroundings.networkOf(fetch))];
    },
    { key },
  );
}
