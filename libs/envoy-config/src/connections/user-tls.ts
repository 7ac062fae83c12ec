import type { ClientTls } from '@weft/mesh-api';
import { SubjectAltNameMatcher_SanType as SanType } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import { UpstreamTlsContext } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import { filter } from '../messages/extension.js';

/** Of Envoy's image and of Debian. */
const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

const file = (name: string) => ({ specifier: { $case: 'filename' as const, value: name } });

/** TLS that the owner of a service asks for, inside of what the mesh does; null if none is. */
export function userTls(
  tls: ClientTls | undefined,
  { alpn, hostname }: { readonly alpn: readonly string[]; readonly hostname: string },
): ReturnType<typeof filter> | null {
  if (tls === undefined || (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL')) return null;
  const { sni, subjectAltNames, clientCertificate, privateKey, caCertificates, insecureSkipVerify, caCrl } = tls;
  const mutual = tls.mode === 'MUTUAL' && clientCertificate !== undefined && privateKey !== undefined;
  return filter('envoy.transport_sockets.tls', UpstreamTlsContext, {
    sni: sni ?? hostname,
    commonTlsContext: {
      alpnProtocols: [...alpn],
      ...(mutual
        ? { tlsCertificates: [{ certificateChain: file(clientCertificate), privateKey: file(privateKey) }] }
        : {}),
      ...(insecureSkipVerify === true
        ? {}
        : {
            validationContextType: {
              $case: 'validationContext',
              value: {
                trustedCa: file(caCertificates ?? SYSTEM_ROOTS),
                ...(caCrl === undefined ? {} : { crl: file(caCrl) }),
                matchTypedSubjectAltNames: (subjectAltNames.length > 0 ? subjectAltNames : [sni ?? hostname]).flatMap(
                  (name) =>
                    [SanType.DNS, SanType.URI].map((sanType) => ({
                      sanType,
                      matcher: { matchPattern: { $case: 'exact' as const, value: name } },
                    })),
                ),
              },
            },
          }),
    },
  });
}
