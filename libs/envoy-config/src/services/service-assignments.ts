import type { FetchContext } from '@weft/collections';
import { serviceNameOf, type AttachedService, type MeshModel, type ServiceClaim } from '@weft/mesh-model';
import { mayHaveNames } from '../clusters/discovery.js';
import { subsetsOf } from '../clusters/effective-policy.js';
import { endpointResource, type ProxyResource } from '../resources/proxy-resource.js';
import { endpointsOfSubset, serviceEndpoints, type ServiceEndpoint } from './service-endpoints.js';
import { vipLoadAssignment } from './vip-endpoints.js';

export type EndpointsOf = (fetch: FetchContext, claim: ServiceClaim) => readonly ServiceEndpoint[];

/** Every endpoint of a service, of all of its ports. */
export const endpointsOfService =
  ({ membersOf }: MeshModel): EndpointsOf =>
  (fetch, claim) =>
    membersOf(fetch, claim).flatMap(({ workload, labels }) => serviceEndpoints(workload, serviceNameOf(claim), labels));

/** Of services that may have names among them; none otherwise, so that nothing is derived again when pods come and go. */
export function namedEndpointsOfService(model: MeshModel): EndpointsOf {
  const endpoints = endpointsOfService(model);
  return (fetch, claim) => (mayHaveNames(claim.resolution) ? endpoints(fetch, claim) : []);
}

export interface AssignmentSet {
  readonly rules: AttachedService['destinationRules'];
  readonly nameOf: (subset: string | undefined) => string;
  /** Of all ports of the service. */
  readonly endpoints: readonly ServiceEndpoint[];
}

/** Where the clusters of a service port lead to: the whole of it and each subset. */
export function serviceAssignments(
  clients: string,
  port: number,
  { rules, nameOf, endpoints }: AssignmentSet,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].map((subset) => {
    const members = endpointsOfSubset(endpoints, port, subset).filter(({ isName }) => !isName);
    return endpointResource(clients, vipLoadAssignment(nameOf(subset?.name), members));
  });
}
