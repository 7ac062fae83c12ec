import { fails, holds, mayRefer, type Verdict } from '@weft/gateway-api';
import { GATEWAY_API_GROUP, type ParsedResource, type ReferenceGrantSpec } from '@weft/mesh-api';

/** A reference of a route, and where it stands. */
export interface BackendReference {
  readonly field: string;
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port?: number | undefined;
}

export interface ReferenceSurroundings {
  /** Undefined: there is no such Service. */
  readonly portsOf: (namespace: string, service: string) => readonly number[] | undefined;
  /** Whether the Service is a parent of the route, which needs no grant. */
  readonly isParent: (namespace: string, service: string) => boolean;
  readonly grantsIn: (namespace: string) => readonly ParsedResource<ReferenceGrantSpec>[];
}

const HOSTNAME = 'networking.istio.io/Hostname';

/** Whether all of a route's references lead somewhere and are allowed. The first that is not is told. */
export function resolveReferences(
  route: { readonly kind: string; readonly namespace: string },
  references: readonly BackendReference[],
  surroundings: ReferenceSurroundings,
): Verdict {
  for (const reference of references) {
    const fault = faultOf(route, reference, surroundings);
    if (fault !== null) return fault;
  }
  return holds('ResolvedRefs', 'All references resolved');
}

function faultOf(
  { kind: routeKind, namespace: home }: { readonly kind: string; readonly namespace: string },
  { field, group, kind, name, namespace = home, port }: BackendReference,
  { portsOf, grantsIn, isParent }: ReferenceSurroundings,
): Verdict | null {
  if (`${group}/${kind}` === HOSTNAME) return null;
  if (group !== '' || kind !== 'Service')
    return fails('InvalidKind', `${field}: ${group === '' ? 'core' : group}/${kind} is no backend; refer to a Service`);
  const from = { group: GATEWAY_API_GROUP, kind: routeKind, namespace: home };
  if (!isParent(namespace, name) && !mayRefer(from, { group, kind, name, namespace }, grantsIn(namespace)))
    return fails(
      'RefNotPermitted',
      `${field}: Service ${namespace}/${name} may not be referred to from namespace ${home}; add a ReferenceGrant there`,
    );
  const ports = portsOf(namespace, name);
  if (ports === undefined)
    return fails(
      'BackendNotFound',
      `${field}: there is no Service ${namespace}/${name}; create it or correct the name`,
    );
  if (port !== undefined && !ports.includes(port))
    return fails(
      'BackendNotFound',
      `${field}: Service ${namespace}/${name} has no port ${port}; use ${ports.join(', ')}`,
    );
  return null;
}
