import type {
  CoreV1Event,
  V1CertificateSigningRequest,
  V1beta1ClusterTrustBundle,
  V1ConfigMap,
  V1ControllerRevision,
  V1CustomResourceDefinition,
  V1DaemonSet,
  V1Deployment,
  V1EndpointSlice,
  V1Job,
  V1Lease,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1Node,
  V1Pod,
  V1PodDisruptionBudget,
  V1ReplicaSet,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
  V1ValidatingWebhookConfiguration,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import type { KubeObject, ResourceType } from './resource-type.js';
import type { Wire } from './wire.js';

export type CertificateSigningRequest = Wire<V1CertificateSigningRequest>;
export type ClusterTrustBundle = Wire<V1beta1ClusterTrustBundle>;
export type ConfigMap = Wire<V1ConfigMap>;
export type ControllerRevision = Wire<V1ControllerRevision>;
export type CustomResourceDefinition = Wire<V1CustomResourceDefinition>;
export type DaemonSet = Wire<V1DaemonSet>;
export type Deployment = Wire<V1Deployment>;
export type EndpointSlice = Wire<V1EndpointSlice>;
export type HorizontalPodAutoscaler = Wire<V2HorizontalPodAutoscaler>;
export type Job = Wire<V1Job>;
export type KubeEvent = Wire<CoreV1Event>;
export type KubeService = Wire<V1Service>;
export type Lease = Wire<V1Lease>;
export type MutatingWebhookConfiguration = Wire<V1MutatingWebhookConfiguration>;
export type Namespace = Wire<V1Namespace>;
export type Node = Wire<V1Node>;
export type Pod = Wire<V1Pod>;
export type PodDisruptionBudget = Wire<V1PodDisruptionBudget>;
export type ReplicaSet = Wire<V1ReplicaSet>;
export type Secret = Wire<V1Secret>;
export type ServiceAccount = Wire<V1ServiceAccount>;
export type StatefulSet = Wire<V1StatefulSet>;
export type ValidatingWebhookConfiguration = Wire<V1ValidatingWebhookConfiguration>;

const type = <T extends KubeObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  namespaced = true,
): ResourceType<T> => ({
  apiVersion,
  kind,
  plural,
  namespaced,
});

export const PODS = type<Pod>('v1', 'Pod', 'pods');
export const NAMESPACES = type<Namespace>('v1', 'Namespace', 'namespaces', false);
export const NODES = type<Node>('v1', 'Node', 'nodes', false);
export const SERVICES = type<KubeService>('v1', 'Service', 'services');
export const CONFIG_MAPS = type<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const SECRETS = type<Secret>('v1', 'Secret', 'secrets');
export const SERVICE_ACCOUNTS = type<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts');
export const CERTIFICATE_SIGNING_REQUESTS = type<CertificateSigningRequest>(
  'certificates.k8s.io/v1',
  'CertificateSigningRequest',
  'certificatesigningrequests',
  false,
);
/** `version`: v1beta1 from Kubernetes 1.33, v1alpha1 before; many API servers have neither. */
export const clusterTrustBundles = (version: string): ResourceType<ClusterTrustBundle> =>
  type(`certificates.k8s.io/${version}`, 'ClusterTrustBundle', 'clustertrustbundles', false);
export const EVENTS = type<KubeEvent>('v1', 'Event', 'events');
export const ENDPOINT_SLICES = type<EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices');
export const DEPLOYMENTS = type<Deployment>('apps/v1', 'Deployment', 'deployments');
export const REPLICA_SETS = type<ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets');
export const DAEMON_SETS = type<DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets');
export const STATEFUL_SETS = type<StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets');
export const CONTROLLER_REVISIONS = type<ControllerRevision>('apps/v1', 'ControllerRevision', 'controllerrevisions');
export const HORIZONTAL_POD_AUTOSCALERS = type<HorizontalPodAutoscaler>(
  'autoscaling/v2',
  'HorizontalPodAutoscaler',
  'horizontalpodautoscalers',
);
export const POD_DISRUPTION_BUDGETS = type<PodDisruptionBudget>(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
);
export const JOBS = type<Job>('batch/v1', 'Job', 'jobs');
export const LEASES = type<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const CUSTOM_RESOURCE_DEFINITIONS = type<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);
export const VALIDATING_WEBHOOK_CONFIGURATIONS = type<ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io/v1',
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);
