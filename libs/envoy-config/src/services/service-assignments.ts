import type { FetchContext } from '@weft/collections';
import {
  serviceNameOf,
  type AttachedService,
  type MeshModel,
  type ProxyPlace,
  type ServiceClaim,
} from '@weft/mesh-model';
import { mayHaveNames } from '../clusters/discovery.js';
import { effectivePolicy, subsetsOf, withMeshDefaults, type EffectivePolicy } from '../clusters/effective-policy.js';
import { endpointGroups } from '../locality/endpoint-groups.js';
import { localityRule, type LocalityRule } from '../locality/locality-rule.js';
import type { MeshSettings } from '../resources/mesh-settings.js';
import { endpointResource, type ProxyResource } from '../resources/proxy-resource.js';
import { endpointsOfSubset, serviceEndpoints, type ServiceEndpoint } from './service-endpoints.js';
import { groupedLoadAssignment } from './vip-endpoints.js';

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
  /** Default: the place of the clients makes no difference. */
  readonly byPlace?: PlaceOfClients & { readonly loadBalancing: ServiceClaim['loadBalancing'] };
}

/** What makes endpoints differ by the place of the proxy. */
export interface PlaceOfClients {
  readonly places: PlacesOf;
  readonly mesh: MeshSettings;
}

/** Asked only where the place counts, so that nothing is derived again when proxies come and go. */
export type PlacesOf = () => readonly ProxyPlace[];

/** Where the clusters of a service port lead to: the whole of it and each subset. */
export function serviceAssignments(
  clients: string,
  port: number,
  { rules, nameOf, endpoints, byPlace }: AssignmentSet,
): readonly ProxyResource[] {
  return [undefined, ...subsetsOf(rules)].flatMap((subset) => {
    const members = endpointsOfSubset(endpoints, port, subset).filter(({ isName }) => !isName);
    const rule = byPlace === undefined ? null : ruleOf(effectivePolicy(rules, port, subset), byPlace);
    const resourceAt = (place: ProxyPlace | null): ProxyResource =>
      endpointResource(clients, groupedLoadAssignment(nameOf(subset?.name), endpointGroups(members, rule, place)));
    const common = resourceAt(null);
    const places = rule === null ? [] : (byPlace?.places() ?? []);
    const own = places.map((place) => ({ ...resourceAt(place), node: place.node }));
    return [common, ...own.filter(({ resource }) => resource.version !== common.resource.version)];
  });
}

function ruleOf(
  own: EffectivePolicy,
  { loadBalancing, mesh }: NonNullable<AssignmentSet['byPlace']>,
): LocalityRule | null {
  const policy = withMeshDefaults(own, mesh.defaults?.defaultTrafficPolicy);
  return localityRule(policy, { loadBalancing, ofMesh: mesh.defaults?.localityLbSetting });
}
