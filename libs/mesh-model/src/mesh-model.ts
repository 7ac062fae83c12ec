import { Graph, type Collection, type GraphFault } from '@weft/collections';
import type { XdsResource } from '@weft/xds';
import type { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import type { Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { MeshModelConfig } from './mesh-model-config.js';
import { meshSources, type MeshSources } from './mesh-sources.js';
import { policyCollections, type PolicyState } from './policy-collections.js';
import { statusCollection, type ResourceStatus } from './resource-status.js';
import { serviceCollections, type ServiceState } from './service-collections.js';
import { surroundingsCollections } from './surroundings-collections.js';
import { workloadCollections } from './workload-collections.js';
import { addressResources, authorizationResources } from './xds-resources.js';

/**
 * The mesh as ztunnel has to know it, derived from what Kubernetes holds. Write `sources`, inside `graph.batch` when several
 * changes belong together; subscribe to the rest. Recomputes only what a change touches.
 */
export class MeshModel {
  readonly graph: Graph;
  readonly sources: MeshSources;
  readonly workloads: Collection<Workload>;
  readonly services: Collection<ServiceState>;
  readonly authorizationPolicies: Collection<PolicyState>;
  readonly authorizations: Collection<Authorization>;
  readonly statuses: Collection<ResourceStatus>;
  /** `istio.workload.Address`, encoded. */
  readonly addressResources: Collection<XdsResource>;
  /** `istio.security.Authorization`, encoded. */
  readonly authorizationResources: Collection<XdsResource>;

  constructor(
    readonly config: MeshModelConfig,
    onFault: (fault: GraphFault) => void,
  ) {
    const graph = new Graph(onFault);
    const sources = meshSources(graph);
    const surroundings = surroundingsCollections(graph, sources, config);
    const services = serviceCollections(graph, sources, surroundings, config);
    const policies = policyCollections(graph, sources, config);
    const workloads = workloadCollections({ graph, sources, config, surroundings, services, policies });
    this.graph = graph;
    this.sources = sources;
    this.workloads = workloads.workloads;
    this.services = services.services;
    this.authorizationPolicies = policies.authorizationPolicies;
    this.authorizations = policies.authorizations;
    this.statuses = statusCollection(graph, services, policies, workloads);
    this.addressResources = addressResources(graph, workloads.workloads, services.services);
    this.authorizationResources = authorizationResources(graph, policies.authorizations);
  }
}
