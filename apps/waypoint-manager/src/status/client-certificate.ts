import { fails, holds, type ListenerReferences, type Verdict } from '@weft/gateway-api';
import type { GatewaySpec, ParsedResource } from '@weft/mesh-api';

/** Whether the certificate that a Gateway is to show to services can be used. */
export function clientCertificateVerdict(
  { spec }: ParsedResource<GatewaySpec>,
  references: ListenerReferences,
): Verdict {
  const reference = spec?.tls?.backend?.clientCertificateRef;
  const fault = reference === undefined ? null : references.certificateFault(reference);
  if (fault === null) return holds('ResolvedRefs', 'All references resolved');
  const reason = fault.reason === 'RefNotPermitted' ? fault.reason : 'InvalidClientCertificateRef';
  return fails(reason, `spec.tls.backend.clientCertificateRef: ${fault.message}`);
}
