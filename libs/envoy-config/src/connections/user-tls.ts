import type { ClientTls } from '@weft/mesh-api';
import {
  SubjectAltNameMatcher_SanType as SanType,
  type CertificateValidationContext,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import {
  UpstreamTlsContext,
  type CommonTlsContext,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import { ADS_SECRETS } from '../messages/config-source.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';
import { certificateSecret, rootsSecret } from './secret-names.js';

/** Of Envoy's image and of Debian. */
export const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

const file = (name: string) => ({ specifier: { $case: 'filename' as const, value: name } });

export interface TlsServer {
  readonly alpn: readonly string[];
  readonly hostname: string;
  /** That its certificate may have, if the rule names none. */
  readonly subjectAltNames: readonly string[];
  /** The host of each request is asked for and verified, unless the rule says otherwise. */
  readonly nameOfRequest: boolean;
}

/** TLS that the owner of a service asks for, inside of what the mesh does; null if none is. */
export function userTls(
  tls: ClientTls | undefined,
  { alpn, hostname, subjectAltNames: known, nameOfRequest }: TlsServer,
): ReturnType<typeof filter> | null {
  if (tls === undefined || (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL')) return null;
  const { sni, subjectAltNames, insecureSkipVerify } = tls;
  const wildcard = hostname.startsWith('*');
  const names = subjectAltNames.length > 0 ? subjectAltNames : known.length > 0 ? known : [sni ?? hostname];
  const verifiesHost = nameOfRequest && names[0] === hostname;
  return filter('envoy.transport_sockets.tls', UpstreamTlsContext, {
    sni: sni ?? (wildcard ? '' : hostname),
    commonTlsContext: {
      alpnProtocols: [...alpn],
      ...(tls.mode === 'MUTUAL' ? ownCertificate(tls) : {}),
      ...(insecureSkipVerify === true
        ? {}
        : verification(tls, verifiesHost ? {} : { matchTypedSubjectAltNames: names.flatMap(sanMatchers) })),
    },
  });
}

type Context = Draft<typeof CommonTlsContext>;
type Verification = Draft<typeof CertificateValidationContext>;

function ownCertificate({ credentialName = '', clientCertificate, privateKey }: ClientTls): Context {
  if (credentialName !== '')
    return {
      tlsCertificateSdsSecretConfigs: [{ name: certificateSecret(credentialName), sdsConfig: ADS_SECRETS }],
    };
  return clientCertificate === undefined || privateKey === undefined
    ? {}
    : { tlsCertificates: [{ certificateChain: file(clientCertificate), privateKey: file(privateKey) }] };
}

/** With the roots of the Secret, if there is one: while it is missing no connection is made. */
function verification({ credentialName = '', caCertificates, caCrl }: ClientTls, names: Verification): Context {
  if (credentialName !== '')
    return {
      validationContextType: {
        $case: 'combinedValidationContext',
        value: {
          defaultValidationContext: names,
          validationContextSdsSecretConfig: { name: rootsSecret(credentialName), sdsConfig: ADS_SECRETS },
        },
      },
    };
  return {
    validationContextType: {
      $case: 'validationContext',
      value: {
        trustedCa: file(caCertificates ?? SYSTEM_ROOTS),
        ...(caCrl === undefined ? {} : { crl: file(caCrl) }),
        ...names,
      },
    },
  };
}

/** A name that stands for many is told by its end. */
const sanMatchers = (name: string) =>
  [SanType.DNS, SanType.URI].map((sanType) => ({
    sanType,
    matcher: {
      matchPattern: name.startsWith('*')
        ? { $case: 'suffix' as const, value: name.slice(1) }
        : { $case: 'exact' as const, value: name },
    },
  }));
