import { join } from 'node:path';
import type { KubeClient, KubeObject } from '@weft/kube';
import { meshCrds } from '@weft/mesh-api';
import { Deployer } from './deployer.js';
import { loadManifest, manifestValues } from './manifests.js';

export const SYSTEM_NAMESPACE = 'istio-system';

export interface InstallMeshOptions {
  /** The workspace: where the manifest and the built apps are. */
  readonly root: string;
  readonly timeoutMs: number;
  /** Whether pods ask ztunnel for names. Default: yes, as Istio's charts have it. */
  readonly dnsCapture?: boolean;
  /** The last word on each object before it is applied. */
  readonly change?: (object: KubeObject) => KubeObject;
}

/** Applies the mesh to a cluster and waits until all of it is ready. Throws DeploymentError with what is missing. */
export async function installMesh(kube: KubeClient, options: InstallMeshOptions): Promise<Deployer> {
  const { root, timeoutMs, dnsCapture = true, change = (object: KubeObject) => object } = options;
  const deployer = new Deployer(kube, meshCrds());
  await deployer.applyCrds();
  const file = join(root, 'libs/testing/mesh-deployment/manifests/mesh.yaml');
  await deployer.apply(loadManifest(file, { ...manifestValues(root), dnsCapture: String(dnsCapture) }).map(change));
  await deployer.waitReady([SYSTEM_NAMESPACE], timeoutMs);
  return deployer;
}
