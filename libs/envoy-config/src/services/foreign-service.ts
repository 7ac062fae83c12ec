import type { AttachedService, EnvoyPatch, ServiceClaim } from '@weft/mesh-model';
import type { MeshSettings } from '../resources/mesh-settings.js';
import type { ProxyResource } from '../resources/proxy-resource.js';
import { outboundName, passthroughName } from '../routes/route-target.js';
import { vipServiceOf } from './attached-view.js';
import { serviceAssignments, type PlaceOfClients } from './service-assignments.js';
import { serviceClusters, type ClusterTls } from './service-clusters.js';
import type { ServiceEndpoint } from './service-endpoints.js';
import { stacksOf, type PortProtocol, type VipPort, type VipService } from './vip-service.js';

/** A service that routes or filters of a waypoint or gateway send to, though it is not behind it. */
export interface ForeignService {
  readonly key: string;
  /** `<namespace>/<name>` of the Gateway. */
  readonly gateway: string;
  readonly claim: ServiceClaim;
  readonly rules: AttachedService['destinationRules'];
  /** Connections that clients have encrypted themselves go there, too. */
  readonly passthrough?: boolean;
}

export interface ForeignClusterOptions {
  readonly mesh: MeshSettings;
  readonly patches?: readonly EnvoyPatch[];
  /** Its endpoints are the proxies of its waypoint, whatever its own are. */
  readonly throughWaypoint?: boolean;
  readonly backendTls: (port: VipPort) => ClusterTls | undefined;
  /** What a port speaks that declares nothing and negotiates nothing. Default: as the client does. */
  readonly undeclared?: (port: VipPort) => PortProtocol;
}

export function foreignClusters(
  { gateway, claim, rules, passthrough = false }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
  { mesh: settings, patches = [], throughWaypoint = false, backendTls, undeclared }: ForeignClusterOptions,
): readonly ProxyResource[] {
  const own = vipServiceOf(claim, []);
  // Where the endpoints of the service are is for its waypoint.
  const service: VipService = throughWaypoint ? { ...own, resolution: 'STATIC', loadBalancing: undefined } : own;
  const mesh = throughWaypoint ? withoutLocalities(settings) : settings;
  return service.ports.flatMap((declared) => {
    const tls = backendTls(declared);
    const port =
      declared.protocol === 'auto' && tls === undefined && undeclared !== undefined
        ? { ...declared, protocol: undeclared(declared) }
        : declared;
    const nameOf = (subset?: string) => outboundName(claim.hostname, port.number, subset);
    const set = { rules, nameOf, stack: stacksOf(port)[0]!, mesh, patches, attached: false, endpoints };
    const clusters = serviceClusters(gateway, service, port, { ...set, backendTls: tls });
    if (!passthrough) return clusters;
    const encrypted = {
      ...set,
      nameOf: (subset?: string) => passthroughName(claim.hostname, port.number, subset),
      endpointsOf: nameOf,
      backendTls: undefined,
    };
    return [...clusters, ...serviceClusters(gateway, service, port, encrypted)];
  });
}

/** Of clusters; routes are not made with it. */
function withoutLocalities({ defaults, ...mesh }: MeshSettings): MeshSettings {
  const { defaultTrafficPolicy } = defaults ?? {};
  return { ...mesh, defaults: defaultTrafficPolicy === undefined ? {} : { defaultTrafficPolicy } };
}

export function foreignAssignments(
  { gateway, claim, rules }: ForeignService,
  endpoints: readonly ServiceEndpoint[],
  clients: PlaceOfClients,
): readonly ProxyResource[] {
  return claim.ports.flatMap(({ servicePort }) =>
    serviceAssignments(gateway, servicePort, {
      rules,
      nameOf: (subset) => outboundName(claim.hostname, servicePort, subset),
      endpoints,
      byPlace: { loadBalancing: claim.loadBalancing, ...clients },
    }),
  );
}
