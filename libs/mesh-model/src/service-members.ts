import type { Collection, FetchContext, Graph } from '@weft/collections';
import { objectMetaOf, type ServiceEntry, type WorkloadEntry } from '@weft/mesh-api';
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { inlineEntryUid, workloadEntryUid } from './entry-workload.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import type { MeshSources } from './mesh-sources.js';
import { serviceNameOf, type ServiceClaim } from './service-claim.js';

/** A workload that serves a service. */
export interface ServiceMember {
  readonly workload: Workload;
  /** Subsets are chosen by them; node proxies are not told. */
  readonly labels: Readonly<Record<string, string>>;
}

export type ServiceMembers = (fetch: FetchContext, claim: ServiceClaim) => readonly ServiceMember[];

export interface ServiceMembersInputs {
  readonly graph: Graph;
  readonly sources: MeshSources;
  readonly config: MeshModelConfig;
  readonly workloads: Collection<Workload>;
  readonly workloadEntries: Collection<WorkloadEntry>;
  readonly serviceEntries: Collection<ServiceEntry>;
}

type Labels = Readonly<Record<string, string>>;
interface LabelledEntry {
  readonly uid: string;
  readonly labels: Labels;
}

export function serviceMembers(inputs: ServiceMembersInputs): ServiceMembers {
  const { graph, sources, workloads } = inputs;
  const byService = graph.index('workloads by service', workloads, ({ services }) => Object.keys(services));
  const labels = graph.derive('labels of pods', sources.pods, (pod) => objectMetaOf(pod).labels);
  const ofEntries = labelsOfEntries(inputs);
  const labelsOf = (fetch: FetchContext, { uid, namespace, name }: Workload): Labels =>
    fetch.get(ofEntries, uid)?.labels ?? fetch.get(labels, `${namespace}/${name}`) ?? {};
  return (fetch, claim) =>
    fetch.lookup(byService, serviceNameOf(claim)).map((workload) => ({ workload, labels: labelsOf(fetch, workload) }));
}

/** Of endpoints that are no pods, by uid of their workloads. */
function labelsOfEntries({ graph, config, workloadEntries, serviceEntries }: ServiceMembersInputs) {
  const key = ({ uid }: LabelledEntry): string => uid;
  return graph.union('labels of entries', [
    graph.deriveMany<WorkloadEntry, LabelledEntry>(
      'labels of workload entries',
      workloadEntries,
      ({ meta, spec }) =>
        spec === null ? [] : [{ uid: workloadEntryUid(config, meta), labels: { ...meta.labels, ...spec.labels } }],
      { key },
    ),
    graph.deriveMany<ServiceEntry, LabelledEntry>(
      'labels of inline endpoints',
      serviceEntries,
      ({ meta, spec }) =>
        (spec?.endpoints ?? []).map(({ address, labels }) => ({ uid: inlineEntryUid(config, meta, address), labels })),
      { key },
    ),
  ]);
}
