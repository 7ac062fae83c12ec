import { request } from 'node:https';
import { parse } from 'yaml';

export interface AdminAccess {
  readonly server: string;
  readonly ca: string;
  readonly token: string;
}

interface KubeconfigText {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** Reads the kubeconfig that the local cluster wrote. */
export function readKubeconfig(text: string): AdminAccess {
  const { clusters, users } = parse(text) as KubeconfigText;
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  return { server, ca: Buffer.from(ca, 'base64').toString(), token: users[0].user.token };
}

/** Pod logs are plain text, which the object client does not read. */
export function readPodLog(
  { server, ca, token }: AdminAccess,
  namespace: string,
  pod: string,
  tailLines: number,
): Promise<string> {
  const url = new URL(`/api/v1/namespaces/${namespace}/pods/${pod}/log?tailLines=${tailLines}`, server);
  return new Promise((resolve, reject) => {
    const client = request(url, { ca, headers: { authorization: `Bearer ${token}` }, timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`log of ${namespace}/${pod}: ${body}`)),
      );
      response.on('error', reject);
    });
    client.on('timeout', () => client.destroy(new Error(`log of ${namespace}/${pod}: no answer`)));
    client.on('error', reject);
    client.end();
  });
}
