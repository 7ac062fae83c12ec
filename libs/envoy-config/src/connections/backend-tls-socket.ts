import type { BackendTls } from '@weft/mesh-model';
import { SubjectAltNameMatcher_SanType as SanType } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import { UpstreamTlsContext } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import { ADS_SECRETS } from '../messages/config-source.js';
import { filter } from '../messages/extension.js';
import { SYSTEM_ROOTS } from './user-tls.js';

type Verified = Extract<BackendTls, { kind: 'verified' }>;

export interface VerifiedTls {
  readonly tls: Verified;
  /** Name of the secret that is shown; null if none is. */
  readonly clientCertificate: string | null;
}

/**
 * TLS that a BackendTLSPolicy asks for. Protocols are not named: Envoy offers those that the cluster speaks, and none for
 * connections that it does not look into.
 */
export function backendTlsSocket({
  tls: { hostname, subjectAltNames, roots },
  clientCertificate,
}: VerifiedTls): ReturnType<typeof filter> {
  return filter('envoy.transport_sockets.tls', UpstreamTlsContext, {
    sni: hostname,
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs:
        clientCertificate === null ? [] : [{ name: clientCertificate, sdsConfig: ADS_SECRETS }],
      validationContextType: {
        $case: 'validationContext',
        value: {
          trustedCa: { specifier: trustedCaOf(roots) },
          matchTypedSubjectAltNames:
            subjectAltNames.length === 0 ? [matcher(SanType.DNS, hostname)] : subjectAltNames.map(matcherOf),
        },
      },
    },
  });
}

export const trustedCaOf = (roots: Verified['roots']) =>
  roots.kind === 'system'
    ? ({ $case: 'filename', value: SYSTEM_ROOTS } as const)
    : ({ $case: 'inlineString', value: roots.text } as const);

function matcherOf({ type, hostname = '', uri = '' }: Verified['subjectAltNames'][number]) {
  return type === 'URI' ? matcher(SanType.URI, uri) : matcher(SanType.DNS, hostname);
}

/** Envoy lets an exact DNS name be met by a certificate for a wildcard; a wildcard that is asked for stands for one label or more. */
function matcher(sanType: SanType, name: string) {
  const matchPattern = name.startsWith('*.')
    ? { $case: 'suffix' as const, value: name.slice(1) }
    : { $case: 'exact' as const, value: name };
  return { sanType, matcher: { matchPattern } };
}
