export {
  ClusterOptionsError,
  IP_FAMILIES,
  type ClusterOptions,
  type IpFamily,
  type NodeOptions,
} from './cluster/cluster-options.js';
export { ClusterStartError } from './cluster/cluster-start-error.js';
export { LocalCluster, type LocalClusterOptions } from './cluster/local-cluster.js';
export { runClusterProcess, type ClusterProcessArguments } from './cluster/run-cluster-process.js';
export { parseLocalImages, type LocalImage, type LocalImages } from './container/local-image.js';
export type { ClusterStatus } from './control/control-message.js';
export { cleanupStale } from './host/clean-up-stale.js';
export { ClusterHandle, type NodeExecOptions } from './host/cluster-handle.js';
export { ClusterControlError, type NodeProcess } from './host/control-client.js';
export { checkRequirements, ClusterRequirementsError } from './host/requirements.js';
export { spawnCluster, type SpawnOptions } from './host/spawn-cluster.js';
export type { CommandResult } from './process/run-command.js';
