import type { Collection, FetchContext, Graph } from '@weft/collections';
import { shortName } from '@weft/gateway-api';
import { LABEL_GATEWAY_NAME, objectMetaOf, poolClaimOf } from '@weft/mesh-api';
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { MeshModelConfig } from '../mesh-model-config.js';
import type { MeshSources } from '../mesh-sources.js';

/** A node with proxies of a waypoint or gateway: endpoints are near to or far from it. */
export interface ProxyPlace {
  readonly node: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subzone: string };
  readonly network: string;
  readonly clusterId: string;
  /** Of the proxies there; those of one Gateway have the same, but for a moment during a rollout. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of one of them. */
  readonly workload: Workload;
}

/** Of a Gateway, `<namespace>/<name>`, one for each node. */
export type ProxyPlaces = (fetch: FetchContext, gateway: string) => readonly ProxyPlace[];

interface ProxyPod {
  /** `<namespace>/<label>` of the Gateway. */
  readonly gateway: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function proxyPlaces(
  graph: Graph,
  sources: MeshSources,
  workloads: Collection<Workload>,
  { clusterId, rootNamespace }: MeshModelConfig,
): ProxyPlaces {
  const pods = graph.derive<object, ProxyPod>('proxies of waypoints and gateways', sources.pods, (pod) => {
    const { namespace, name, labels } = objectMetaOf(pod);
    const claim = poolClaimOf(pod, rootNamespace);
    const gateway = claim?.gateway ?? labels[LABEL_GATEWAY_NAME];
    if (gateway === undefined) return undefined;
    const uid = `${clusterId}//Pod/${namespace}/${name}`;
    return { gateway: `${claim?.namespace ?? namespace}/${gateway}`, uid, labels };
  });
  const byGateway = graph.index('proxies by gateway', pods, ({ gateway }) => [gateway]);
  return (fetch, gateway) => {
    const [namespace = '', name = ''] = gateway.split('/');
    const labels = new Set([name, shortName(name)]);
    const found = [...labels].flatMap((label) => fetch.lookup(byGateway, `${namespace}/${label}`));
    const places = new Map<string, ProxyPlace>();
    for (const pod of found.toSorted((a, b) => (a.uid < b.uid ? -1 : 1))) {
      const workload = fetch.get(workloads, pod.uid);
      if (workload === undefined || workload.node === '' || places.has(workload.node)) continue;
      const { node, network, locality } = workload;
      places.set(node, {
        node,
        network,
        clusterId,
        locality: { region: locality?.region ?? '', zone: locality?.zone ?? '', subzone: locality?.subzone ?? '' },
        labels: pod.labels,
        workload,
      });
    }
    return [...places.values()];
  };
}
