import type { GrpcRouteSpec, HttpRouteFilter, HttpRouteSpec, TcpRouteSpec } from '@weft/mesh-api';
import type { BackendReference } from './backend-references.js';

type Reference = Omit<BackendReference, 'field'>;
type Filter = Pick<HttpRouteFilter, 'requestMirror' | 'extensionRef'>;

/** All that an HTTPRoute or GRPCRoute refers to. */
export function referencesOfRules(rules: HttpRouteSpec['rules'] | GrpcRouteSpec['rules']): readonly BackendReference[] {
  return rules.flatMap(({ backendRefs, filters }, i) => {
    const rule = `spec.rules[${i}]`;
    return [
      ...referencesOfFilters(filters, rule),
      ...backendRefs.flatMap((backend, j) => [
        at(`${rule}.backendRefs[${j}]`, backend),
        ...referencesOfFilters(backend.filters, `${rule}.backendRefs[${j}]`),
      ]),
    ];
  });
}

export function referencesOfStream({ rules }: Pick<TcpRouteSpec, 'rules'>): readonly BackendReference[] {
  return rules.flatMap(({ backendRefs }, i) =>
    backendRefs.map((backend, j) => at(`spec.rules[${i}].backendRefs[${j}]`, backend)),
  );
}

/** No extension is known, so that each is a reference to a kind that is none. */
function referencesOfFilters(filters: readonly Filter[], where: string): readonly BackendReference[] {
  return filters.flatMap(({ requestMirror, extensionRef }, i) => [
    ...(requestMirror ? [at(`${where}.filters[${i}].requestMirror.backendRef`, requestMirror.backendRef)] : []),
    ...(extensionRef ? [at(`${where}.filters[${i}].extensionRef`, extensionRef)] : []),
  ]);
}

const at = (field: string, { group, kind, name, namespace, port }: Reference): BackendReference => ({
  field,
  group,
  kind,
  name,
  ...(namespace !== undefined && { namespace }),
  ...(port !== undefined && { port }),
});
