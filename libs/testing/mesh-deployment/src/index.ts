export { Deployer } from './deployer.js';
export { DeploymentError } from './errors.js';
export { installMesh, SYSTEM_NAMESPACE, type InstallMeshOptions } from './install-mesh.js';
export { loadManifest, manifestValues, parseManifest, postgresUid, type ManifestValues } from './manifests.js';
export { MeshApiServer } from './mesh-api-server.js';
export { parsePrometheusText, type Sample } from './prometheus-text.js';
export { ResourceKinds } from './resource-kinds.js';
