import type { GrpcRouteMatch, GrpcRouteRule, GrpcRouteSpec, HttpRouteMatch, HttpRouteRule } from '@weft/mesh-api';
import type { Readable, RouteDestinations } from '@weft/mesh-model';
import type { RouteDraft } from './forward.js';
import { hasUsableRegexes } from './gateway-api-match.js';
import { ruleRoute } from './gateway-api-route.js';
import { quoted } from './string-matcher.js';

const ANY: GrpcRouteMatch = { headers: [] };

/** Of all GRPCRoutes of a service port. A call is a request for `/<service>/<method>`, and a rule is one of an HTTPRoute. */
export function grpcRoutes(
  routes: readonly Readable<GrpcRouteSpec>[],
  destinations: RouteDestinations,
): readonly RouteDraft[] {
  const candidates = routes.flatMap(({ meta: { namespace, name }, spec }) =>
    spec.rules.flatMap((rule, i) =>
      (rule.matches.length > 0 ? rule.matches : [ANY])
        .map((match) => ({ match, http: requestMatch(match) }))
        .filter(({ http }) => hasUsableRegexes(http))
        .map(({ match, http }) => ({
          match,
          build: () =>
            ruleRoute(`${namespace}.${name}.${i}`, requestRule(rule), http, {
              from: { kind: 'GRPCRoute', namespace },
              destinations,
            }),
        })),
    ),
  );
  return candidates.toSorted((a, b) => compareCalls(a.match, b.match)).map(({ build }) => build());
}

/** The longer service first, then the longer method, then more headers; else by age, name, rule. */
function compareCalls(a: GrpcRouteMatch, b: GrpcRouteMatch): number {
  return (
    (b.method?.service?.length ?? 0) - (a.method?.service?.length ?? 0) ||
    (b.method?.method?.length ?? 0) - (a.method?.method?.length ?? 0) ||
    b.headers.length - a.headers.length
  );
}

function requestMatch({ method, headers }: GrpcRouteMatch): HttpRouteMatch {
  return { path: pathOf(method), headers, queryParams: [] };
}

function pathOf(call: GrpcRouteMatch['method']): HttpRouteMatch['path'] {
  if (call === undefined) return { type: 'PathPrefix', value: '/' };
  const { type, service, method } = call;
  if (type === 'RegularExpression')
    return {
      type,
      value: `/${service === undefined ? '[^/]+' : `(?:${service})`}/${method === undefined ? '[^/]+' : `(?:${method})`}`,
    };
  if (service === undefined) return { type: 'RegularExpression', value: `/[^/]+/${quoted(method ?? '')}` };
  return method === undefined
    ? { type: 'PathPrefix', value: `/${service}` }
    : { type: 'Exact', value: `/${service}/${method}` };
}

const requestRule = ({ name, filters, backendRefs }: GrpcRouteRule): HttpRouteRule => ({
  ...(name === undefined ? {} : { name }),
  matches: [],
  filters,
  backendRefs,
});
