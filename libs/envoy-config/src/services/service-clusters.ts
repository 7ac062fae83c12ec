import type { AttachedService, BackendTls, EnvoyPatch } from '@weft/mesh-model';
import { discoveryOf, type Discovery } from '../clusters/discovery.js';
import { effectivePolicy, subsetsOf, withMeshDefaults } from '../clusters/effective-policy.js';
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
  readonly backendTls: ClusterTls | undefined;
  /** Names of the clusters whose endpoints these have, too. */
  readonly endpointsOf?: ClusterSet['nameOf'];
}

/** What a BackendTLSPolicy says of a port, and what is shown there. */
export interface ClusterTls {
  readonly tls: BackendTls;
  /** Name of the secret; null if nothing is shown. */
  readonly clientCertificate: string | null;
}

/** Of a service port: one cluster for the whole of it and one for each subset. */
export function serviceClusters(
  clients: string,
  service: VipService,
  port: VipPort,
  { rules, nameOf, stack, mesh, patches, attached, endpoints, backendTls, endpointsOf }: ClusterSet,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].flatMap((subset) => {
    const discovery = discoveryOf({
      resolution: service.resolution,
      endpoints: endpointsOfSubset(endpoints, port.number, subset),
      direct: attached,
    });
    const cluster = vipCluster(service, port, {
      name: nameOf(subset?.name),
      stack,
      mesh,
      policy: withMeshDefaults(effectivePolicy(rules, port.number, subset), mesh.defaults?.defaultTrafficPolicy),
      discovery:
        backendTls?.tls.kind === 'refused' ? { kind: 'none' } : sharing(discovery, endpointsOf?.(subset?.name)),
      backendTls: backendTls?.tls.kind === 'verified' ? { ...backendTls, tls: backendTls.tls } : undefined,
      ...(subset === undefined ? {} : { subset: subset.name }),
    });
    const { hostname } = service;
    const patched = patchedCluster(cluster, patches, { hostname, port: port.number, subset: subset?.name, attached });
    return patched === null ? [] : [clusterResource(clients, patched)];
  });
}

const sharing = (discovery: Discovery, of: string | undefined): Discovery =>
  discovery.kind === 'eds' && of !== undefined ? { ...discovery, of } : discovery;
