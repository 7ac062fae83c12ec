import type { ParentReference } from '@weft/mesh-api';
import type { ServiceClaim } from '@weft/mesh-model';

/** Whether one of a route's parents is this port of the service; a parent without port or section is every port. */
export function serviceParent(
  { kind, meta, ports }: ServiceClaim,
  port: number,
  parents: readonly ParentReference[],
  routeNamespace: string,
): boolean {
  const portName = ports.find(({ servicePort }) => servicePort === port)?.name;
  return parents.some(
    (ref) =>
      ref.kind === kind &&
      ref.name === meta.name &&
      (ref.namespace ?? routeNamespace) === meta.namespace &&
      (ref.port === undefined || ref.port === port) &&
      (ref.sectionName === undefined || ref.sectionName === portName),
  );
}
