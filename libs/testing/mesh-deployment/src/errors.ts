import { MeshError } from '@weft/result';

/** A manifest cannot be used, or what it asks for did not come up; the message names the object and what is missing. */
export class DeploymentError extends MeshError {
  readonly code = 'MESH_DEPLOYMENT_FAILED';
}
