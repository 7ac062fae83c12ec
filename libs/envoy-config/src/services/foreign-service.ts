import type { AttachedService, EnvoyPatch, ServiceClaim } from '@weft/mesh-model';
import type { MeshSettings } from '../resources/mesh-settings.js';
import type { ProxyResource } from '../resources/proxy-resource.js';
import { outboundName } from '../routes/route-target.js';
import { vipServiceOf } from './attached-view.js';
import { serviceAssignments } from './service-assignments.js';
import { serviceClusters } from './service-clusters.js';
import type { ServiceEndpoint } from './service-endpoints.js';
import { stacksOf, type VipService } from './vip-service.js';

/** A service that routes or filters of a waypoint or gateway send to, though it is not behind it. */
export interface ForeignService {
  readonly key: string;
  /** `<namespace>/<name>` of the Gateway. */
  readonly gateway: string;
  readonly claim: ServiceClaim;
  readonly rules: AttachedService['destinationRules'];
}

export interface ForeignClusterOptions {
  readonly mesh: MeshSettings;
  readonly patches?: readonly EnvoyPatch[];
  /** Its endpoints are the proxies of its waypoint, whatever its own are. */
  readonly throughWaypoint?: boolean;
}

export function foreignClusters(
  { gateway, claim, rules }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
  { mesh, patches = [], throughWaypoint = false }: ForeignClusterOptions,
): readonly ProxyResource[] {
  const own = vipServiceOf(claim, []);
  const service: VipService = throughWaypoint ? { ...own, resolution: 'STATIC' } : own;
  return service.ports.flatMap((port) =>
    serviceClusters(gateway, service, port, {
      rules,
      nameOf: (subset) => outboundName(claim.hostname, port.number, subset),
      stack: stacksOf(port)[0]!,
      mesh,
      patches,
      attached: false,
      endpoints,
    }),
  );
}

export function foreignAssignments(
  { gateway, claim, rules }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
): readonly ProxyResource[] {
  return claim.ports.flatMap(({ servicePort }) =>
    serviceAssignments(gateway, servicePort, {
      rules,
      nameOf: (subset) => outboundName(claim.hostname, servicePort, subset),
      endpoints,
    }),
  );
}
