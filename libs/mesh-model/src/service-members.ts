import type { Collection, FetchContext, Graph } from '@weft/collections';
import { objectMetaOf } from '@weft/mesh-api';
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { MeshSources } from './mesh-sources.js';
import { serviceNameOf, type ServiceClaim } from './service-claim.js';

/** A workload that serves a service. */
export interface ServiceMember {
  readonly workload: Workload;
  /** Subsets are chosen by them; node proxies are not told. */
  readonly labels: Readonly<Record<string, string>>;
}

export type ServiceMembers = (fetch: FetchContext, claim: ServiceClaim) => readonly ServiceMember[];

export function serviceMembers(graph: Graph, sources: MeshSources, workloads: Collection<Workload>): ServiceMembers {
  const byService = graph.index('workloads by service', workloads, ({ services }) => Object.keys(services));
  const labels = graph.derive('labels of pods', sources.pods, (pod) => objectMetaOf(pod).labels);
  return (fetch, claim) =>
    fetch.lookup(byService, serviceNameOf(claim)).map((workload) => ({
      workload,
      labels: fetch.get(labels, `${workload.namespace}/${workload.name}`) ?? {},
    }));
}
