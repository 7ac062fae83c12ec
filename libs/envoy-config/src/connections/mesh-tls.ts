import type { CommonTlsContext } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import {
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import { SDS } from '../messages/config-source.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';

const TLS = 'envoy.transport_sockets.tls';

/** Server side of HBONE: peers of the mesh only. */
export const hboneDownstreamTls = (trustDomains: readonly string[]) =>
  filter(TLS, DownstreamTlsContext, {
    requireClientCertificate: true,
    // A resumed session would carry the identity of an earlier handshake.
    sessionTicketKeysType: { $case: 'disableStatelessSessionResumption', value: true },
    disableStatefulSessionResumption: true,
    commonTlsContext: meshTls(trustDomains),
  });

/** Client side of HBONE. */
export const hboneUpstreamTls = (trustDomains: readonly string[]) =>
  filter(TLS, UpstreamTlsContext, { maxSessionKeys: 0, commonTlsContext: meshTls(trustDomains) });

function meshTls(trustDomains: readonly string[]): Draft<typeof CommonTlsContext> {
  const { TLSv1_3 } = TlsParameters_TlsProtocol;
  return {
    alpnProtocols: ['h2'],
    tlsParams: { tlsMinimumProtocolVersion: TLSv1_3, tlsMaximumProtocolVersion: TLSv1_3 },
    tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: SDS }],
    validationContextType: {
      $case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: trustDomains.map((trustDomain) => ({
            sanType: SubjectAltNameMatcher_SanType.URI,
            matcher: { matchPattern: { $case: 'prefix', value: `spiffe://${trustDomain}/` } },
          })),
        },
        validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: SDS },
      },
    },
  };
}
