import { PortList, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { serviceNameOf, type ClaimedPort, type ServiceClaim } from './service-claim.js';

export type WorkloadServices = Workload['services'];

/** The port that the workload serves a service port on; undefined leaves the port out. */
export type TargetPortOf = (port: ClaimedPort) => number | undefined;

export interface ServiceBinding {
  readonly claim: ServiceClaim;
  readonly targetPortOf: TargetPortOf;
}

/** Sorted by name, since the wire keeps the order and versions are hashes of it. The first binding of a service wins. */
export function workloadServices(bindings: readonly ServiceBinding[]): WorkloadServices {
  const byName = new Map<string, PortList>();
  for (const { claim, targetPortOf } of bindings) {
    const name = serviceNameOf(claim);
    if (byName.has(name)) continue;
    const ports = claim.ports.flatMap((port) => {
      const targetPort = targetPortOf(port);
      return targetPort === undefined
        ? []
        : [{ servicePort: port.servicePort, targetPort, appProtocol: port.appProtocol }];
    });
    byName.set(name, PortList.fromPartial({ ports }));
  }
  return Object.fromEntries([...byName].sort(([a], [b]) => (a < b ? -1 : 1)));
}
