export {
  type EndpointSliceObject,
  type NamespaceObject,
  type NodeObject,
  type PodObject,
  type ServiceObject,
} from './kube-objects.js';
export { MeshModel } from './mesh-model.js';
export { type MeshModelConfig } from './mesh-model-config.js';
export { type MeshSources } from './mesh-sources.js';
export { type PolicyState } from './policy-collections.js';
export { statusKey, type ResourceCondition, type ResourceStatus, type StatusKind } from './resource-status.js';
export { type ServiceState } from './service-collections.js';
