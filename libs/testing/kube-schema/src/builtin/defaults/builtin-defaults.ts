import type { JsonObject } from '../../json.js';
import type { GroupVersionKind } from '../../group-version-kind.js';
import { child, childOrNew } from './fill.js';
import * as other from './other-defaults.js';
import { defaultPod, defaultPodSpec } from './pod-defaults.js';
import { defaultService } from './service-defaults.js';
import * as workload from './workload-defaults.js';

const BY_KIND: Readonly<Record<string, (object: JsonObject) => void>> = {
  '/Pod': defaultPod,
  '/PodTemplate': (object) => {
    const spec = child(child(object, 'template'), 'spec');
    if (spec !== undefined) defaultPodSpec(spec);
  },
  '/Service': defaultService,
  '/Secret': other.defaultSecret,
  '/Endpoints': other.defaultEndpoints,
  '/Node': other.defaultNode,
  '/ReplicationController': workload.defaultReplicationController,
  '/PersistentVolumeClaim': other.defaultPersistentVolumeClaim,
  '/PersistentVolume': other.defaultPersistentVolume,
  'apps/Deployment': workload.defaultDeployment,
  'apps/ReplicaSet': workload.defaultReplicaSet,
  'apps/DaemonSet': workload.defaultDaemonSet,
  'apps/StatefulSet': workload.defaultStatefulSet,
  'batch/Job': (object) => workload.defaultJobSpec(childOrNew(object, 'spec')),
  'batch/CronJob': workload.defaultCronJob,
  'autoscaling/HorizontalPodAutoscaler': workload.defaultAutoscaler,
  'discovery.k8s.io/EndpointSlice': other.defaultEndpointSlice,
  'networking.k8s.io/NetworkPolicy': other.defaultNetworkPolicy,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': (object) => other.defaultWebhooks(object, true),
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': (object) => other.defaultWebhooks(object, false),
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': other.defaultAdmissionPolicy,
  'apiextensions.k8s.io/CustomResourceDefinition': other.defaultCrd,
  'rbac.authorization.k8s.io/RoleBinding': other.defaultRoleBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': other.defaultRoleBinding,
  'storage.k8s.io/StorageClass': other.defaultStorageClass,
  'scheduling.k8s.io/PriorityClass': other.defaultPriorityClass,
};

/** Fills in the defaults of one built-in object, in place. */
export function builtinDefaults(type: GroupVersionKind, object: JsonObject): void {
  BY_KIND[`${type.group}/${type.kind}`]?.(object);
}
