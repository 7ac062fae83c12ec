import type { AttachedService, EnvoyPatch } from '@weft/mesh-model';
import { discoveryOf } from '../clusters/discovery.js';
import { effectivePolicy, subsetsOf } from '../clusters/effective-policy.js';
import { patchedCluster } from '../patches/patched-clusters.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { clusterResource, type ProxyResource } from '../resources/proxy-resource.js';
import { endpointsOfSubset, type ServiceEndpoint } from './service-endpoints.js';
import { vipCluster } from './vip-cluster.js';
import type { VipPort, VipService } from './vip-service.js';

export interface ClusterSet {
  readonly rules: AttachedService['destinationRules'];
  readonly nameOf: (subset: string | undefined) => string;
  readonly stack: 'http' | 'tcp';
  readonly mesh: MeshSettings;
  readonly patches: readonly EnvoyPatch[];
  /** False: routes send to it, though it is not behind the proxies. */
  readonly attached: boolean;
  /** Of the service, if names may be among them. */
  readonly endpoints: readonly ServiceEndpoint[];
}

/** Of a service port: one cluster for the whole of it and one for each subset. */
export function serviceClusters(
  clients: string,
  service: VipService,
  port: VipPort,
  { rules, nameOf, stack, mesh, patches, attached, endpoints }: ClusterSet,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].flatMap((subset) => {
    const cluster = vipCluster(service, port, {
      name: nameOf(subset?.name),
      stack,
      mesh,
      policy: effectivePolicy(rules, port.number, subset),
      discovery: discoveryOf({
        resolution: service.resolution,
        endpoints: endpointsOfSubset(endpoints, port.number, subset),
        direct: attached,
      }),
      ...(subset === undefined ? {} : { subset: subset.name }),
    });
    const { hostname } = service;
    const patched = patchedCluster(cluster, patches, { hostname, port: port.number, subset: subset?.name, attached });
    return patched === null ? [] : [clusterResource(clients, patched)];
  });
}
