import type { Collection, FetchContext, Graph } from '@weft/collections';
import { CONTROLLERS, fails, type Verdict } from '@weft/gateway-api';
import { GATEWAY_API_GROUP } from '@weft/mesh-api';
import type { AttachedService } from '../waypoints/attached-services.js';
import type { BackendTlsPolicies, BackendTlsState } from './backend-tls.js';
import type { IngressGateway } from './ingress-gateway.js';

/** What became of a BackendTLSPolicy at the Gateways that send to what it is for. */
export interface BackendTlsStatus {
  readonly namespace: string;
  readonly name: string;
  readonly observedGeneration: number;
  readonly ancestors: readonly PolicyAncestorStatus[];
}

export interface PolicyAncestorStatus {
  readonly ancestorRef: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  readonly controllerName: string;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
}

interface PolicyUsers {
  readonly ingressGateways: Collection<IngressGateway>;
  readonly attachedServices: Collection<AttachedService>;
}

/** The API allows no more. */
const MAX_ANCESTORS = 16;

/** By `<namespace>/<name>`. */
export function backendTlsStatuses(
  graph: Graph,
  policies: BackendTlsPolicies,
  { ingressGateways, attachedServices }: PolicyUsers,
): Collection<BackendTlsStatus> {
  const gateways = graph.index('gateways by service', ingressGateways, ({ destinations }) => [
    ...new Set(Object.values(destinations).flatMap((one) => (one.kind === 'service' ? [keyOf(one.claim)] : []))),
  ]);
  const waypoints = graph.index('waypoints by service', attachedServices, ({ claim }) => [keyOf(claim)]);
  return graph.deriveMany(
    'status of backend TLS policies',
    policies.states,
    (state, fetch) => {
      const services = [...new Set(state.targets.map(({ service }) => service))];
      const users = [
        ...services.flatMap((service) =>
          fetch.lookup(gateways, service).map(({ key }) => ({ key, controllerName: CONTROLLERS.gateway })),
        ),
        ...services.flatMap((service) =>
          fetch
            .lookup(waypoints, service)
            .map(({ waypoint: { key } }) => ({ key, controllerName: CONTROLLERS.waypoint })),
        ),
      ];
      const unique = [...new Map(users.map((one) => [one.key, one])).values()].toSorted((a, b) =>
        a.key < b.key ? -1 : 1,
      );
      const verdicts = verdictsOf(fetch, state, policies);
      const { namespace, name, generation } = state.meta;
      const ancestors = unique.slice(0, MAX_ANCESTORS).map(({ key, controllerName }) => ({
        ancestorRef: gatewayRef(key),
        controllerName,
        ...verdicts,
      }));
      return [{ namespace, name, observedGeneration: generation, ancestors }];
    },
    { key: ({ namespace, name }) => `${namespace}/${name}` },
  );
}

const keyOf = ({ kind, meta }: AttachedService['claim']): string => `${kind}/${meta.namespace}/${meta.name}`;

function gatewayRef(key: string): PolicyAncestorStatus['ancestorRef'] {
  const [namespace = '', name = ''] = key.split('/');
  return { group: GATEWAY_API_GROUP, kind: 'Gateway', namespace, name };
}

function verdictsOf(
  fetch: FetchContext,
  { meta, targets, accepted, resolvedRefs }: BackendTlsState,
  { winnerOf }: BackendTlsPolicies,
): Pick<PolicyAncestorStatus, 'accepted' | 'resolvedRefs'> {
  for (const target of targets) {
    const winner = winnerOf(fetch, target);
    if (winner === undefined || winner.name === meta.name) continue;
    const what = `${target.service}${target.port === undefined ? '' : `, port ${target.port}`}`;
    const message = `spec.targetRefs: ${what} has BackendTLSPolicy ${winner.name}, which is older; delete one of the two`;
    return { accepted: fails('Conflicted', message), resolvedRefs };
  }
  return { accepted, resolvedRefs };
}
