import type { FetchContext, Graph } from '@weft/collections';
import { listenerGroups, takesListenerSet, type ListenerGroup, type ListenerOwner } from '@weft/gateway-api';
import { GATEWAY_API_GROUP, LISTENER_SETS, type GatewaySpec, type ListenerSetSpec } from '@weft/mesh-api';
import type { MeshSources } from '../mesh-sources.js';
import type { Readable } from '../waypoints/route-sources.js';

export interface ListenerSets {
  /** The Gateway's own listeners, and those that ListenerSets add to it. */
  readonly groupsOf: (fetch: FetchContext, gateway: Readable<GatewaySpec>) => readonly ListenerGroup[];
  /** ListenerSets that name the Gateway, and that it does not take. */
  readonly refusedBy: (fetch: FetchContext, gateway: Readable<GatewaySpec>) => readonly ListenerOwner[];
}

type LabelsOf = (fetch: FetchContext, namespace: string) => Readonly<Record<string, string>>;

export function listenerSets(graph: Graph, sources: MeshSources, labelsOf: LabelsOf): ListenerSets {
  const parsed = graph.derive<unknown, Readable<ListenerSetSpec>>(
    'parsed listener sets',
    sources.listenerSets,
    (object) => {
      const { meta, spec } = LISTENER_SETS.parse(object);
      return spec === null ? undefined : { meta, spec };
    },
  );
  const byGateway = graph.index('listener sets by gateway', parsed, ({ meta, spec: { parentRef } }) =>
    parentRef.kind === 'Gateway' && parentRef.group === GATEWAY_API_GROUP
      ? [`${parentRef.namespace ?? meta.namespace}/${parentRef.name}`]
      : [],
  );
  const naming = (fetch: FetchContext, gateway: Readable<GatewaySpec>) =>
    fetch.lookup(byGateway, `${gateway.meta.namespace}/${gateway.meta.name}`).map((set) => {
      const { namespace } = set.meta;
      return { set, isTaken: takesListenerSet(gateway, { namespace, labels: labelsOf(fetch, namespace) }) };
    });
  return {
    groupsOf: (fetch, gateway) =>
      listenerGroups(
        gateway,
        naming(fetch, gateway).flatMap(({ set, isTaken }) => (isTaken ? set : [])),
      ),
    refusedBy: (fetch, gateway) =>
      naming(fetch, gateway).flatMap(({ set: { meta }, isTaken }) =>
        isTaken ? [] : [{ kind: 'ListenerSet' as const, namespace: meta.namespace, name: meta.name }],
      ),
  };
}
