import type { AttachedService, ServiceClaim } from '@weft/mesh-model';
import { AppProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import { portProtocolOf, type VipService } from './vip-service.js';

/** The service as its listener and clusters see it. */
export function vipServiceOf(claim: ServiceClaim, addresses: AttachedService['addresses']): VipService {
  return {
    kind: claim.kind,
    name: claim.meta.name,
    namespace: claim.meta.namespace,
    hostname: claim.hostname,
    addresses: addresses.map(({ ip, length }) => ({
      address: ip.text,
      prefixLength: length ?? ip.bytes.length * 8,
    })),
    resolution: claim.resolution,
    subjectAltNames: claim.subjectAltNames,
    loadBalancing: claim.loadBalancing,
    ports: claim.ports.map(({ servicePort, targetPort, appProtocol }) => ({
      number: servicePort,
      targetPort,
      protocol: portProtocolOf(appProtocol),
      isGrpc: appProtocol === AppProtocol.GRPC,
    })),
  };
}
