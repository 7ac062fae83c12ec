import type { ServerTls } from '@weft/mesh-api';
import type { IstioServer } from '@weft/mesh-model';
import {
  CertificateValidationContext_TrustChainVerification as TrustChain,
  SubjectAltNameMatcher_SanType as SanType,
  TlsParameters_TlsProtocol as Protocol,
  type CertificateValidationContext,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/common.js';
import {
  DownstreamTlsContext,
  type CommonTlsContext,
} from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/tls.js';
import { ADS_SECRETS, SDS } from '../messages/config-source.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';

const PROTOCOLS: Readonly<Record<NonNullable<ServerTls['minProtocolVersion']>, Protocol>> = {
  TLS_AUTO: Protocol.TLS_AUTO,
  TLSV1_0: Protocol.TLSv1_0,
  TLSV1_1: Protocol.TLSv1_1,
  TLSV1_2: Protocol.TLSv1_2,
  TLSV1_3: Protocol.TLSv1_3,
};

type Context = Draft<typeof CommonTlsContext>;
type Validation = Draft<typeof CertificateValidationContext>;

/** How a server of Istio's Gateway ends TLS. What it needs and has not got yet keeps handshakes from ending: nothing else takes them. */
export function istioServerTls(tls: ServerTls, { credentials }: IstioServer, alpnProtocols: readonly string[]) {
  const { mode = 'SIMPLE', minProtocolVersion, maxProtocolVersion, cipherSuites } = tls;
  const verifies = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  return filter('envoy.transport_sockets.tls', DownstreamTlsContext, {
    // Sessions that go on must not carry over what another handshake proved.
    ...(mode === 'SIMPLE'
      ? {}
      : {
          sessionTicketKeysType: { $case: 'disableStatelessSessionResumption', value: true },
          disableStatefulSessionResumption: true,
        }),
    requireClientCertificate: mode === 'MUTUAL' || mode === 'ISTIO_MUTUAL',
    commonTlsContext: {
      alpnProtocols: [...alpnProtocols],
      tlsParams: {
        tlsMinimumProtocolVersion: PROTOCOLS[minProtocolVersion ?? 'TLS_AUTO'],
        tlsMaximumProtocolVersion: PROTOCOLS[maxProtocolVersion ?? 'TLS_AUTO'],
        cipherSuites: [...new Set(cipherSuites)],
      },
      ...(mode === 'ISTIO_MUTUAL' ? meshContext(tls) : certificates(credentials)),
      ...(verifies ? verification(tls, credentials) : {}),
    },
  });
}

/** The certificate and roots of the mesh, which the agent beside Envoy has. */
const meshContext = (tls: ServerTls): Context => ({
  tlsCertificateSdsSecretConfigs: [{ name: 'default', sdsConfig: SDS }],
  validationContextType: {
    $case: 'combinedValidationContext',
    value: {
      defaultValidationContext: namesOf(tls),
      validationContextSdsSecretConfig: { name: 'ROOTCA', sdsConfig: SDS },
    },
  },
});

const certificates = ({ certificateNames }: IstioServer['credentials']): Context => ({
  tlsCertificateSdsSecretConfigs: certificateNames.map((name) => ({ name, sdsConfig: ADS_SECRETS })),
});

function verification(tls: ServerTls, { rootsName }: IstioServer['credentials']): Context {
  if (rootsName === null) return {};
  return {
    validationContextType: {
      $case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          ...namesOf(tls),
          ...(tls.insecureSkipVerify === true ? { trustChainVerification: TrustChain.ACCEPT_UNTRUSTED } : {}),
        },
        validationContextSdsSecretConfig: { name: rootsName, sdsConfig: ADS_SECRETS },
      },
    },
  };
}

/** Who of those with a good certificate may come in. */
const namesOf = ({ subjectAltNames, verifyCertificateSpki, verifyCertificateHash }: ServerTls): Validation => ({
  verifyCertificateSpki: [...verifyCertificateSpki],
  verifyCertificateHash: [...verifyCertificateHash],
  matchTypedSubjectAltNames: subjectAltNames.flatMap((name) =>
    [SanType.DNS, SanType.URI].map((sanType) => ({
      sanType,
      matcher: { matchPattern: { $case: 'exact' as const, value: name } },
    })),
  ),
});
