import { CUSTOM_RESOURCE_DEFINITIONS, KubeClient, NAMESPACES, type CustomResourceDefinition } from '@weft/kube';
import { meshCrds } from '@weft/mesh-api';
import { createLogger } from '@weft/runtime';
import { ApiServer } from '@weft/testing-kube-apiserver';

/** An API server in memory with the kinds of the mesh, and a client of it that may do everything. Who starts it stops it. */
export class MeshApiServer {
  private constructor(
    private readonly server: ApiServer,
    readonly kubeconfig: string,
    readonly kube: KubeClient,
  ) {}

  static async start(namespaces: readonly string[] = []): Promise<MeshApiServer> {
    const server = new ApiServer({
      listeners: [{ host: '127.0.0.1', port: 0 }],
      serviceCidr: '10.96.0.0/16',
      clusterDomain: 'cluster.local',
      log: createLogger('test', 'silent'),
    });
    await server.start();
    const kubeconfig = server.adminKubeconfig(`https://127.0.0.1:${server.ports[0]!}`);
    const kube = KubeClient.fromKubeconfig(kubeconfig);
    for (const crd of meshCrds())
      await kube.create(CUSTOM_RESOURCE_DEFINITIONS, crd as unknown as CustomResourceDefinition);
    for (const name of namespaces) await kube.createOrGet(NAMESPACES, { metadata: { name } });
    return new MeshApiServer(server, kubeconfig, kube);
  }

  async stop(): Promise<void> {
    this.kube.close();
    await this.server.stop();
  }
}
