import { ApiServer } from '../api-server.js';
import { createLogger } from '@weft/runtime';

const INHERITED_FD = 3;

/** A process of its own for the spec: serves on the socket that its parent opened and tells the kubeconfig. */
async function main(): Promise<void> {
  const server = new ApiServer({
    listeners: [{ fd: INHERITED_FD }],
    serviceCidr: '10.96.0.0/16',
    clusterDomain: 'cluster.local',
    log: createLogger('kube-apiserver', 'silent'),
  });
  await server.start();
  process.send?.(server.adminKubeconfig('https://127.0.0.1:0'));
}

void main();
