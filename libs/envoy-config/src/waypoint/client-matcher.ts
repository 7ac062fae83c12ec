import { RouteList } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import { FilterStateInput } from '@weft/xds/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs.js';
import { STATE_PEER_PRINCIPAL } from '../connections/well-known-keys.js';
import { extension } from '../messages/extension.js';
import type { RouteDraft } from '../routes/forward.js';
import type { MatcherDraft, OnMatchDraft } from '../messages/matcher-tree.js';

/** Routes by the namespace in the client's identity, which its tunnel proved. */
export function byClientNamespace(
  clients: readonly { readonly namespace: string; readonly routes: readonly RouteDraft[] }[],
  others: readonly RouteDraft[],
  trustDomains: readonly string[],
): MatcherDraft {
  const matchers = clients.map(({ namespace, routes }) => {
    const predicates = trustDomains.map((trustDomain) => isFrom(`spiffe://${trustDomain}/ns/${namespace}/sa/`));
    return {
      predicate:
        predicates.length === 1
          ? predicates[0]!
          : { matchType: { $case: 'orMatcher' as const, value: { predicate: predicates } } },
      onMatch: toRoutes(routes),
    };
  });
  return { matcherType: { $case: 'matcherList', value: { matchers } }, onNoMatch: toRoutes(others) };
}

const isFrom = (prefix: string) => ({
  matchType: {
    $case: 'singlePredicate' as const,
    value: {
      input: extension('envoy.matching.inputs.filter_state', FilterStateInput, { key: STATE_PEER_PRINCIPAL }),
      matcher: { $case: 'valueMatch' as const, value: { matchPattern: { $case: 'prefix' as const, value: prefix } } },
    },
  },
});

const toRoutes = (routes: readonly RouteDraft[]): OnMatchDraft => ({
  onMatch: { $case: 'action', value: extension('route', RouteList, { routes: [...routes] }) },
});
