import {
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  JOBS,
  NODES,
  PODS,
  REPLICA_SETS,
  SERVICES,
  STATEFUL_SETS,
  type ControllerRevision,
  type DaemonSet,
  type Deployment,
  type EndpointSlice,
  type Informer,
  type Job,
  type KubeClient,
  type KubeObject,
  type KubeService,
  type Node,
  type ObjectIndex,
  type Pod,
  type ReplicaSet,
  type StatefulSet,
} from '@weft/kube';
import { controllerOf } from './model/ownership.js';

/** The informers that all controllers share, and the indexes that they ask. */
export class Cluster {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly services: Informer<KubeService>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly daemonSets: Informer<DaemonSet>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly revisions: Informer<ControllerRevision>;
  readonly jobs: Informer<Job>;
  readonly podsByNamespace: ObjectIndex<Pod>;
  readonly podsByController: ObjectIndex<Pod>;
  readonly replicaSetsByNamespace: ObjectIndex<ReplicaSet>;
  readonly revisionsByNamespace: ObjectIndex<ControllerRevision>;

  constructor(readonly kube: KubeClient) {
    const transform = <T extends KubeObject>(object: T): T => withoutManagedFields(object);
    this.pods = kube.informer(PODS, { transform });
    this.nodes = kube.informer(NODES, { transform });
    this.services = kube.informer(SERVICES, { transform });
    this.endpointSlices = kube.informer(ENDPOINT_SLICES, { transform });
    this.deployments = kube.informer(DEPLOYMENTS, { transform });
    this.replicaSets = kube.informer(REPLICA_SETS, { transform });
    this.daemonSets = kube.informer(DAEMON_SETS, { transform });
    this.statefulSets = kube.informer(STATEFUL_SETS, { transform });
    this.revisions = kube.informer(CONTROLLER_REVISIONS, { transform });
    this.jobs = kube.informer(JOBS, { transform });
    this.podsByNamespace = this.pods.index(namespaceKey);
    this.podsByController = this.pods.index((pod) => [controllerOf(pod)?.uid ?? '']);
    this.replicaSetsByNamespace = this.replicaSets.index(namespaceKey);
    this.revisionsByNamespace = this.revisions.index(namespaceKey);
  }

  get informers() {
    return [
      this.nodes,
      this.services,
      this.endpointSlices,
      this.deployments,
      this.replicaSets,
      this.daemonSets,
      this.statefulSets,
      this.revisions,
      this.jobs,
      this.pods,
    ] as const;
  }
}

const namespaceKey = (object: KubeObject): string[] => [object.metadata?.namespace ?? ''];

/** Nobody here reads them, and they are half of an object. A write that leaves them out keeps them on the server. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}
