import type { Namespace, Pod } from '@weft/kube';

const DATAPLANE_MODE_LABEL = 'istio.io/dataplane-mode';
export const REDIRECTION_ANNOTATION = 'ambient.istio.io/redirection';
const SIDECAR_STATUS_ANNOTATION = 'sidecar.istio.io/status';
const BYPASS_INBOUND_ANNOTATION = 'ambient.istio.io/bypass-inbound-capture';
const DNS_CAPTURE_ANNOTATION = 'ambient.istio.io/dns-capture';
const VIRTUAL_INTERFACES_ANNOTATION = 'istio.io/reroute-virtual-interfaces';

/** Whether the labels put the pod into the mesh: its own label decides, else its namespace's. */
export function isSelected(
  pod: Pod,
  namespace: Namespace | undefined,
  excludedNamespaces: ReadonlySet<string>,
): boolean {
  if (pod.spec?.hostNetwork === true) return false;
  if (excludedNamespaces.has(pod.metadata?.namespace ?? '')) return false;
  if (pod.metadata?.annotations?.[SIDECAR_STATUS_ANNOTATION] !== undefined) return false;
  const own = pod.metadata?.labels?.[DATAPLANE_MODE_LABEL];
  if (own === 'ambient') return true;
  return own !== 'none' && namespace?.metadata?.labels?.[DATAPLANE_MODE_LABEL] === 'ambient';
}

/** A pod whose containers have all ended and will not come back; its address may already be another's. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export interface CaptureOptions {
  readonly dnsCapture: boolean;
  readonly bypassInbound: boolean;
  readonly virtualInterfaces: readonly string[];
}

/** What the pod's annotations ask of the redirection. An interface name that no kernel would take is left out. */
export function captureOptions(pod: Pod, dnsCaptureByDefault: boolean): CaptureOptions {
  const annotations = pod.metadata?.annotations ?? {};
  const dns = annotations[DNS_CAPTURE_ANNOTATION];
  const interfaces = (annotations[VIRTUAL_INTERFACES_ANNOTATION] ?? '').split(',').map((name) => name.trim());
  return {
    dnsCapture: dns === 'true' || (dns !== 'false' && dnsCaptureByDefault),
    bypassInbound: annotations[BYPASS_INBOUND_ANNOTATION] === 'true',
    virtualInterfaces: interfaces.filter((name) => /^[\w.@-]{1,15}$/.test(name)),
  };
}

export function podIps(pod: Pod): readonly string[] {
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== '');
  return ips.length > 0 || !pod.status?.podIP ? ips : [pod.status.podIP];
}
