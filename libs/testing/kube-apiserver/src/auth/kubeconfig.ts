import { stringify } from 'yaml';

export interface KubeconfigOptions {
  readonly clusterName: string;
  readonly serverUrl: string;
  readonly caPem: string;
  readonly token: string;
}

/** A kubeconfig with one cluster, one user and one context of the same name. */
export function formatKubeconfig({ clusterName, serverUrl, caPem, token }: KubeconfigOptions): string {
  const user = `${clusterName}-admin`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': clusterName,
    clusters: [
      {
        name: clusterName,
        cluster: { server: serverUrl, 'certificate-authority-data': Buffer.from(caPem).toString('base64') },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: clusterName, context: { cluster: clusterName, user } }],
  });
}
