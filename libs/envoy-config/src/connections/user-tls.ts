import type { ClientTls } from '@weft/mesh-api';
import { SubjectAltNameMatcher_SanType as SanType } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import { UpstreamTlsContext } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import { filter } from '../messages/extension.js';

/** Of Envoy's image and of Debian. */
const SYSTEM_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

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
  const { sni, subjectAltNames, clientCertificate, privateKey, caCertificates, insecureSkipVerify, caCrl } = tls;
  const mutual = tls.mode === 'MUTUAL' && clientCertificate !== undefined && privateKey !== undefined;
  const wildcard = hostname.startsWith('*');
  const names = subjectAltNames.length > 0 ? subjectAltNames : known.length > 0 ? known : [sni ?? hostname];
  return filter('envoy.transport_sockets.tls', UpstreamTlsContext, {
    sni: sni ?? (wildcard ? '' : hostname),
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
                ...(nameOfRequest && names[0] === hostname
                  ? {}
                  : { matchTypedSubjectAltNames: names.flatMap(sanMatchers) }),
              },
            },
          }),
    },
  });
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
