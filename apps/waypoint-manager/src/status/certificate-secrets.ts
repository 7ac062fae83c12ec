import {
  certificateFault,
  clientValidations,
  CREDENTIAL_KEYS,
  readCredential,
  readTrustBundle,
  type ListenerOwner,
  type ListenerReferences,
} from '@weft/gateway-api';
import { SECRETS, type ConfigMap, type Informer, type KubeClient, type KubeObject, type Secret } from '@weft/kube';
import { REFERENCE_GRANTS, type GatewaySpec, type ParsedResource } from '@weft/mesh-api';
import { identityOf } from './object-identity.js';

/** Of a Secret only whether it can be used; its key is not kept. */
const ANNOTATION_FAULT = 'weft.io/certificate-fault';

/** The certificates that listeners refer to. */
export class CertificateSecrets {
  readonly secrets: Informer<Secret>;
  readonly grants: Informer<KubeObject>;

  constructor(
    kube: KubeClient,
    private readonly configMaps: Pick<Informer<ConfigMap>, 'get'>,
  ) {
    // Tokens of service accounts are many, and none has a certificate for a gateway.
    const fieldSelector = 'type!=kubernetes.io/service-account-token';
    this.secrets = kube.informer(SECRETS, { fieldSelector, transform: withoutKey });
    this.grants = kube.informer<KubeObject>(REFERENCE_GRANTS);
  }

  /** `gateway`: what the listeners are of. */
  of(
    owner: Pick<ListenerOwner, 'kind' | 'namespace'>,
    { meta, spec }: ParsedResource<GatewaySpec>,
  ): ListenerReferences {
    const grants = this.grants.list().map((grant) => REFERENCE_GRANTS.parse(grant));
    const credentialOf = (namespace: string, name: string) => {
      const secret = this.secrets.get(namespace, name);
      return secret === undefined ? undefined : { fault: secret.metadata?.annotations?.[ANNOTATION_FAULT] ?? null };
    };
    const view = { credentialOf, grantsIn: () => grants };
    const bundleOf = (namespace: string, name: string) => {
      const map = this.configMaps.get(namespace, name);
      return map === undefined ? undefined : readTrustBundle(map.data ?? {});
    };
    return {
      certificateFault: (reference) => certificateFault(owner, reference, view),
      clientValidation: clientValidations(meta.namespace, spec?.tls, { bundleOf, grantsIn: () => grants }),
    };
  }
}

function withoutKey({ metadata, data = {} }: Secret): Secret {
  const names = [...CREDENTIAL_KEYS.chain, ...CREDENTIAL_KEYS.key].filter((name) => data[name] !== undefined);
  const { fault } = readCredential(
    Object.fromEntries(names.map((key) => [key, Buffer.from(data[key]!, 'base64').toString('utf8')])),
  );
  return {
    metadata: {
      ...identityOf(metadata),
      ...(fault !== null && { annotations: { [ANNOTATION_FAULT]: fault } }),
    },
  };
}
