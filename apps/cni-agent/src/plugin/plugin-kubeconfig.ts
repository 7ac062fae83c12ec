/** Name of the kubeconfig in the run folder; the name is Istio's. */
export const PLUGIN_KUBECONFIG = 'istio-cni-kubeconfig';

export interface PluginKubeconfig {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** A kubeconfig in JSON, which every reader of YAML understands and the plugin can parse without a library. */
export function formatPluginKubeconfig({ server, ca, token }: PluginKubeconfig): string {
  return (
    JSON.stringify(
      {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          { name: 'local', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
        ],
        users: [{ name: 'istio-cni', user: { token } }],
        contexts: [{ name: 'istio-cni-context', context: { cluster: 'local', user: 'istio-cni' } }],
        'current-context': 'istio-cni-context',
      },
      null,
      2,
    ) + '\n'
  );
}

interface KubeconfigJson {
  readonly clusters?: readonly {
    readonly cluster?: { readonly server?: string; readonly 'certificate-authority-data'?: string };
  }[];
  readonly users?: readonly { readonly user?: { readonly token?: string } }[];
}

/** Throws if it is not one that this agent wrote. */
export function readPluginKubeconfig(text: string): PluginKubeconfig {
  const { clusters, users } = JSON.parse(text) as KubeconfigJson;
  const cluster = clusters?.[0]?.cluster;
  const token = users?.[0]?.user?.token;
  const ca = cluster?.['certificate-authority-data'];
  if (cluster?.server === undefined || ca === undefined || token === undefined)
    throw new Error(`${PLUGIN_KUBECONFIG} lacks server, CA or token`);
  return { server: cluster.server, ca: Buffer.from(ca, 'base64').toString(), token };
}
