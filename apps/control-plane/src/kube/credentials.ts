import type { SourceCollection } from '@weft/collections';
import { CREDENTIAL_KEYS, readCredential, type Credential } from '@weft/gateway-api';
import type { Secret } from '@weft/kube';

/** Tokens of service accounts are many, and none has a certificate for a gateway. */
export const CREDENTIAL_SECRETS = { fieldSelector: 'type!=kubernetes.io/service-account-token' };

const KEYS: readonly string[] = [...CREDENTIAL_KEYS.chain, ...CREDENTIAL_KEYS.key];

/** Of a Secret what gateways may need; the rest does not stay in memory. */
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
export function credentialSink(
  credentials: SourceCollection<Credential>,
): Pick<SourceCollection<Secret>, 'set' | 'delete'> {
  return {
    set: (key, { data = {} }) => {
      const texts = Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString('utf8')]);
      credentials.set(key, readCredential(Object.fromEntries(texts) as Record<string, string>));
    },
    delete: (key) => credentials.delete(key),
  };
}
