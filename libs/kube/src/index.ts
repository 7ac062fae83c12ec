export { setCondition, type Condition } from './conditions.js';
export {
  isAlreadyExists,
  isConflict,
  isNotFound,
  KubeApiError,
  KubeConfigError,
  KubeConnectionError,
  type KubeStatus,
} from './errors.js';
export type { EventType } from './event-recorder.js';
export { HttpsTransport } from './https-transport.js';
export { Informer, type InformerHandler, type InformerOptions } from './informer.js';
export {
  KubeClient,
  type ApplyOptions,
  type DeleteOptions,
  type KubeClientOptions,
  type ListOptions,
  type ListResult,
  type PatchOptions,
} from './kube-client.js';
export type { KubeLog } from './kube-log.js';
export { LeaderElector, type LeaderElectorOptions } from './leader-elector.js';
export type { ObjectIndex } from './object-index.js';
export {
  keyOf,
  objectKey,
  resourcePath,
  splitKey,
  type KubeObject,
  type ObjectMeta,
  type ResourceType,
} from './resource-type.js';
export {
  CERTIFICATE_SIGNING_REQUESTS,
  clusterTrustBundles,
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  CUSTOM_RESOURCE_DEFINITIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  EVENTS,
  HORIZONTAL_POD_AUTOSCALERS,
  JOBS,
  LEASES,
  NAMESPACES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
  STATEFUL_SETS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
  type CertificateSigningRequest,
  type ClusterTrustBundle,
  type ConfigMap,
  type ControllerRevision,
  type CustomResourceDefinition,
  type DaemonSet,
  type Deployment,
  type EndpointSlice,
  type HorizontalPodAutoscaler,
  type Job,
  type KubeEvent,
  type KubeService,
  type Lease,
  type MutatingWebhookConfiguration,
  type Namespace,
  type Node,
  type Pod,
  type PodDisruptionBudget,
  type ReplicaSet,
  type Secret,
  type ServiceAccount,
  type StatefulSet,
  type ValidatingWebhookConfiguration,
} from './resources.js';
export { MeshTrustWatch, type MeshTrustWatchOptions } from './mesh-trust-watch.js';
export { StatusWriter, type StatusWriterOptions } from './status-writer.js';
export type { TokenOptions, TokenVerdict } from './tokens.js';
export type { KubeRequest, KubeTransport, WatchEvent, WatchHandler } from './transport.js';
export type { Wire } from './wire.js';
export { WorkQueue, type WorkQueueOptions } from './work-queue.js';
