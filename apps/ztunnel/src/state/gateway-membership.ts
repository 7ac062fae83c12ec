import type { IpAddress } from '@weft/ip';
import type { MeshView } from './mesh-view.js';
import type { GatewayAddress, Workload } from './workload.js';

/**
 * Whether a workload is one of the instances that a waypoint's address stands for. Health does not matter: an instance that
 * is going away still forwards what it has taken. `own`: the address by which it was reached, if that is known.
 */
export function servesAsGateway(
  view: MeshView,
  workload: Workload,
  { destination: at }: GatewayAddress,
  own: IpAddress | null = null,
): boolean {
  if (at.kind === 'hostname') {
    const named = workload.namespace === at.namespace && workload.hostname === at.hostname;
    return named || workload.services.has(`${at.namespace}/${at.hostname}`);
  }
  if (own?.text === at.ip.text) return true;
  if (!workload.hostNetwork && workload.network === at.network) {
    if (workload.addresses.some(({ text }) => text === at.ip.text)) return true;
  }
  const service = view.serviceByVip(at.network, at.ip, workload.namespace);
  return service !== null && workload.services.has(service.key);
}
