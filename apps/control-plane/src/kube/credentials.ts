import type { SourceCollection } from '@weft/collections';
import { CREDENTIAL_KEYS, CREDENTIAL_ROOT_KEYS, readCredential, readCredentialRoots } from '@weft/gateway-api';
import type { Secret } from '@weft/kube';
import type { MeshSources } from '@weft/mesh-model';

/** Tokens of service accounts are many, and none has a certificate for a gateway. */
export const CREDENTIAL_SECRETS = { fieldSelector: 'type!=kubernetes.io/service-account-token' };

const PULL_KEY = '.dockerconfigjson';
const KEYS: readonly string[] = [
  ...[CREDENTIAL_KEYS, CREDENTIAL_ROOT_KEYS].flatMap((keys) => Object.values<readonly string[]>(keys).flat()),
  PULL_KEY,
];

/** Of a Secret what gateways, and proxies that load modules, may need; the rest does not stay in memory. */
export function trimSecret({ metadata, data = {} }: Secret): Secret {
  const { name, namespace, uid, resourceVersion } = metadata ?? {};
  return {
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    data: Object.fromEntries(Object.entries(data).filter(([key]) => KEYS.includes(key))),
  };
}

/** Secrets into the model, read. One without any of the keys is there, but has no certificate. */
export function credentialSink({
  credentials,
  credentialRoots,
  pullSecrets,
}: Pick<MeshSources, 'credentials' | 'credentialRoots' | 'pullSecrets'>): Pick<
  SourceCollection<Secret>,
  'set' | 'delete'
> {
  return {
    set: (key, { data = {} }) => {
      const entries = Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString('utf8')]);
      const { [PULL_KEY]: pull, ...texts } = Object.fromEntries(entries) as Record<string, string>;
      credentials.set(key, readCredential(texts));
      credentialRoots.set(key, readCredentialRoots(texts));
      if (pull === undefined) pullSecrets.delete(key);
      else pullSecrets.set(key, pull);
    },
    delete: (key) => {
      credentials.delete(key);
      credentialRoots.delete(key);
      pullSecrets.delete(key);
    },
  };
}
