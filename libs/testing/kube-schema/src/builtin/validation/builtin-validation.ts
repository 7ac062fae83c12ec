import type { GroupVersionKind } from '../../group-version-kind.js';
import { isObject, type JsonObject } from '../../json.js';
import * as other from './other-validation.js';
import { validatePodSpec, validatePodUpdate } from './pod-validation.js';
import type { Problems } from './problems.js';
import * as service from './service-validation.js';
import * as workload from './workload-validation.js';

type Validate = (object: JsonObject, old: JsonObject | undefined, problems: Problems) => void;

function validatePod(pod: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  if (!isObject(pod['spec'])) problems.required('spec.containers');
  else if (old === undefined) validatePodSpec(pod['spec'], 'spec', problems);
  else validatePodUpdate(pod, old, problems);
}

const BY_KIND: Readonly<Record<string, Validate>> = {
  '/Pod': validatePod,
  '/Service': service.validateService,
  '/Endpoints': service.validateEndpoints,
  '/ConfigMap': other.validateConfigMap,
  '/Secret': other.validateSecret,
  'apps/Deployment': workload.validateDeployment,
  'apps/ReplicaSet': workload.validateReplicaSet,
  'apps/DaemonSet': workload.validateDaemonSet,
  'apps/StatefulSet': workload.validateStatefulSet,
  'batch/Job': workload.validateJob,
  'batch/CronJob': workload.validateCronJob,
  'discovery.k8s.io/EndpointSlice': service.validateEndpointSlice,
  'coordination.k8s.io/Lease': other.validateLease,
  'networking.k8s.io/NetworkPolicy': other.validateNetworkPolicy,
  'policy/PodDisruptionBudget': other.validateDisruptionBudget,
  'rbac.authorization.k8s.io/Role': other.validateRole,
  'rbac.authorization.k8s.io/RoleBinding': other.validateRoleBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': other.validateRoleBinding,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': other.validateWebhooks,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': other.validateWebhooks,
  'apiextensions.k8s.io/CustomResourceDefinition': other.validateCrd,
  'scheduling.k8s.io/PriorityClass': other.validatePriorityClass,
  'storage.k8s.io/StorageClass': other.validateStorageClass,
};

/** The rules of one built-in type, beyond those of metadata. */
export function validateBuiltin(
  type: GroupVersionKind,
  object: JsonObject,
  old: JsonObject | undefined,
  problems: Problems,
): void {
  BY_KIND[`${type.group}/${type.kind}`]?.(object, old, problems);
}
