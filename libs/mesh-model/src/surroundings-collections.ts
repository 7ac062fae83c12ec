import type { Collection, FetchContext, Graph } from '@weft/collections';
import { ANNOTATION_TRAFFIC_DISTRIBUTION, LABEL_NETWORK, objectMetaOf } from '@weft/mesh-api';
import type { Locality } from '@weft/xds/gen/mesh/workload/workload.js';
import { localityOfLabels } from './locality-of.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import { MESH_TRUST_KEY, type MeshSources } from './mesh-sources.js';

interface NamespaceFacts {
  readonly network: string | undefined;
  readonly trafficDistribution: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** The few facts of namespaces and nodes that others depend on, so that a heartbeat of a node changes nothing. */
export interface SurroundingsCollections {
  readonly localities: Collection<Locality>;
  /** The configuration with the trust domain that MeshConfig says. */
  configOf(fetch: FetchContext): MeshModelConfig;
  networkOf(fetch: FetchContext): string;
  trafficDistributionOf(fetch: FetchContext, namespace: string): string | undefined;
  /** Of a namespace. */
  labelsOf(fetch: FetchContext, namespace: string): Readonly<Record<string, string>>;
}

/** The same object each time. */
const NO_LABELS = {};

export function surroundingsCollections(
  graph: Graph,
  sources: MeshSources,
  config: MeshModelConfig,
): SurroundingsCollections {
  const namespaces = graph.derive<unknown, NamespaceFacts>('namespace facts', sources.namespaces, (namespace) => {
    const { labels, annotations } = objectMetaOf(namespace);
    return {
      network: labels[LABEL_NETWORK],
      trafficDistribution: annotations[ANNOTATION_TRAFFIC_DISTRIBUTION],
      labels,
    };
  });
  const trusting = new Map<string, MeshModelConfig>();
  return {
    configOf: (fetch) => {
      const trustDomain = fetch.get(sources.trustDomains, MESH_TRUST_KEY)?.trustDomain ?? config.trustDomain;
      const known = trusting.get(trustDomain) ?? { ...config, trustDomain };
      trusting.set(trustDomain, known);
      return known;
    },
    localities: graph.derive('node localities', sources.nodes, (node) => localityOfLabels(objectMetaOf(node).labels)),
    networkOf: (fetch) => fetch.get(namespaces, config.rootNamespace)?.network ?? config.network,
    trafficDistributionOf: (fetch, namespace) => fetch.get(namespaces, namespace)?.trafficDistribution,
    labelsOf: (fetch, namespace) => fetch.get(namespaces, namespace)?.labels ?? NO_LABELS,
  };
}
