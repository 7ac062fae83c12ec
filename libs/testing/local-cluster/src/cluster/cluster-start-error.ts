import { MeshError } from '@weft/result';

/** A cluster did not come up; the message names the step and the reason. */
export class ClusterStartError extends MeshError {
  readonly code = 'CLUSTER_START_FAILED';
}
