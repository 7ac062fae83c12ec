import type { SourceCollection } from '@weft/collections';
import {
  CREDENTIAL_KEYS,
  CREDENTIAL_ROOT_KEYS,
  readCredential,
  readCredentialRoots,
  readTrustBundle,
  TRUST_BUNDLE_KEY,
  type TrustBundle,
} from '@weft/gateway-api';
import type { ConfigMap, Secret } from '@weft/kube';
import type { MeshSources } from '@weft/mesh-model';

/** Tokens of service accounts are many, and none has a certificate for a gateway. */
export const CREDENTIAL_SECRETS = { fieldSelector: 'type!=kubernetes.io/service-account-token' };

const PULL_KEY = '.dockerconfigjson';
const KEYS: readonly string[] = [
  ...[CREDENTIAL_KEYS, CREDENTIAL_ROOT_KEYS].flatMap((keys) => Object.values<readonly string[]>(keys).flat()),
  PULL_KEY,
];

/** Of a Secret what gateways, and proxies that load modules, may need; the rest does not stay in memory. */
export const trimSecret = ({ metadata, data = {} }: Secret): Secret => ({
  metadata: identityOf(metadata),
  data: Object.fromEntries(Object.entries(data).filter(([key]) => KEYS.includes(key))),
});

/** The same of a ConfigMap: the roots of peers, if it has any. */
export function trimConfigMap({ metadata, data = {} }: ConfigMap): ConfigMap {
  const roots = data[TRUST_BUNDLE_KEY];
  return { metadata: identityOf(metadata), ...(roots !== undefined && { data: { [TRUST_BUNDLE_KEY]: roots } }) };
}

function identityOf({ name, namespace, uid, resourceVersion }: NonNullable<Secret['metadata']> = {}) {
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
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

/** ConfigMaps into the model, read. One without roots is there, but nothing can be verified with it. */
export const trustBundleSink = (
  bundles: SourceCollection<TrustBundle>,
): Pick<SourceCollection<ConfigMap>, 'set' | 'delete'> => ({
  set: (key, { data = {} }) => bundles.set(key, readTrustBundle(data)),
  delete: (key) => bundles.delete(key),
});
