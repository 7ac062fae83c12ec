import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mayRefer, type CertificateFault, type ListenerReferences } from '@weft/gateway-api';
import { SECRETS, type Informer, type KubeClient, type KubeObject, type Secret } from '@weft/kube';
import { GATEWAY_API_GROUP, REFERENCE_GRANTS, type SecretReference } from '@weft/mesh-api';

/** Of a Secret only whether it can be used; its key is not kept. */
const ANNOTATION_FAULT = 'weft.io/certificate-fault';

/** The certificates that listeners refer to. */
export class CertificateSecrets {
  readonly secrets: Informer<Secret>;
  readonly grants: Informer<KubeObject>;

  constructor(kube: KubeClient) {
    this.secrets = kube.informer(SECRETS, { fieldSelector: 'type=kubernetes.io/tls', transform: withoutKey });
    this.grants = kube.informer<KubeObject>(REFERENCE_GRANTS);
  }

  of(namespace: string): ListenerReferences {
    return { certificateFault: (reference) => this.#fault(namespace, reference) };
  }

  #fault(home: string, { group, kind, name, namespace = home }: SecretReference): CertificateFault | null {
    const invalid = (message: string): CertificateFault => ({ reason: 'InvalidCertificateRef', message });
    if (group !== '' || kind !== 'Secret') return invalid(`${group}/${kind} has no certificate; refer to a Secret`);
    const grants = this.grants.list().map((grant) => REFERENCE_GRANTS.parse(grant));
    const from = { group: GATEWAY_API_GROUP, kind: 'Gateway', namespace: home };
    if (!mayRefer(from, { group, kind, name, namespace }, grants))
      return {
        reason: 'RefNotPermitted',
        message: `Secret ${namespace}/${name} may not be referred to from namespace ${home}; add a ReferenceGrant there`,
      };
    const secret = this.secrets.get(namespace, name);
    if (secret === undefined)
      return invalid(
        `there is no Secret ${namespace}/${name} of type kubernetes.io/tls; create it or correct the name`,
      );
    const fault = secret.metadata?.annotations?.[ANNOTATION_FAULT];
    return fault === undefined ? null : invalid(`Secret ${namespace}/${name}: ${fault}`);
  }
}

function withoutKey({ metadata, data }: Secret): Secret {
  const fault = faultOf(data ?? {});
  const { name, namespace, uid, resourceVersion } = metadata ?? {};
  return {
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(fault !== null && { annotations: { [ANNOTATION_FAULT]: fault } }),
    },
  };
}

function faultOf(data: Readonly<Record<string, string>>): string | null {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  try {
    const certificate = new X509Certificate(text('tls.crt'));
    try {
      return certificate.checkPrivateKey(createPrivateKey(text('tls.key')))
        ? null
        : 'tls.key is not the key of tls.crt; write the pair';
    } catch {
      return 'tls.key is not a private key in PEM; correct it';
    }
  } catch {
    return 'tls.crt is not a certificate in PEM; correct it';
  }
}
