import { attachRoute, ownerKey, type ListenerGroupState, type ListenerState } from '@weft/gateway-api';
import { GATEWAY_API_GROUP, type ParentReference } from '@weft/mesh-api';
import { gatewayParent, type Readable } from '../waypoints/route-sources.js';
import type { AttachedRoute } from './ingress-gateway.js';

interface HasParents {
  readonly parentRefs: readonly ParentReference[];
  readonly hostnames?: readonly string[];
}
type Labels = Readonly<Record<string, string>>;

/** Where one route stands, as long as neither it nor the listeners nor the labels of its namespace changed. */
interface Attachment<S> {
  readonly labels: Labels;
  readonly places: readonly { readonly state: ListenerState; readonly route: AttachedRoute<S> }[];
}

/** The routes of one kind of a group, as they were attached last. */
interface Attached<S> {
  readonly routes: readonly Readable<S>[];
  readonly attachments: readonly Attachment<S>[];
}

/** By kind. Of thousands of routes one change attaches one; the others stay the same objects, so that what is made of them does, too. */
const remembered = new WeakMap<ListenerGroupState, Map<string, Attached<never>>>();

/** Routes of one kind by listener, in the order in which they are given. */
export function attachedTo<S extends HasParents>(
  kind: string,
  routes: readonly Readable<S>[],
  group: ListenerGroupState,
  labelsOf: (namespace: string) => Labels,
): ReadonlyMap<ListenerState, readonly AttachedRoute<S>[]> {
  const kinds = remembered.get(group) ?? new Map<string, Attached<never>>();
  remembered.set(group, kinds);
  const last = kinds.get(kind) as Attached<S> | undefined;
  const attachments = attachmentsOf(kind, routes, { group, last, labelsOf: once(labelsOf) });
  kinds.set(kind, { routes, attachments } as Attached<never>);
  const found = new Map<ListenerState, AttachedRoute<S>[]>();
  for (const { places } of attachments)
    for (const { state, route } of places) {
      const others = found.get(state);
      if (others === undefined) found.set(state, [route]);
      else others.push(route);
    }
  return found;
}

function once(labelsOf: (namespace: string) => Labels): (namespace: string) => Labels {
  const known = new Map<string, Labels>();
  return (namespace) => {
    let labels = known.get(namespace);
    if (labels === undefined) known.set(namespace, (labels = labelsOf(namespace)));
    return labels;
  };
}

interface Surroundings<S> {
  readonly group: ListenerGroupState;
  readonly last: Attached<S> | undefined;
  readonly labelsOf: (namespace: string) => Labels;
}

/** Both lists are in the same order: what is at their starts and at their ends in common need not be looked for. */
function attachmentsOf<S extends HasParents>(
  kind: string,
  routes: readonly Readable<S>[],
  { group, last = { routes: [], attachments: [] }, labelsOf }: Surroundings<S>,
): readonly Attachment<S>[] {
  const { routes: old, attachments } = last;
  const most = Math.min(old.length, routes.length);
  let [start, end] = [0, 0];
  while (start < most && old[start] === routes[start]) start++;
  while (end < most - start && old.at(-1 - end) === routes.at(-1 - end)) end++;
  const between = new Map(old.slice(start, old.length - end).map((route, i) => [route, attachments[start + i]]));
  return routes.map((route, i) => {
    const labels = labelsOf(route.meta.namespace);
    const isAtEnd = i >= routes.length - end;
    const known =
      i < start ? attachments[i] : isAtEnd ? attachments[i - routes.length + old.length] : between.get(route);
    return known?.labels === labels ? known : attach(kind, route, group, labels);
  });
}

function attach<S extends HasParents>(
  kind: string,
  { meta, spec }: Readable<S>,
  { owner, listeners }: ListenerGroupState,
  labels: Labels,
): Attachment<S> {
  const subject = {
    group: GATEWAY_API_GROUP,
    kind,
    namespace: meta.namespace,
    namespaceLabels: labels,
    hostnames: spec.hostnames ?? [],
  };
  const gateway = { namespace: owner.namespace, listeners };
  const mine = spec.parentRefs.filter((ref) => gatewayParent(ref, meta.namespace) === ownerKey(owner));
  const hosts = new Map<ListenerState, readonly (string | undefined)[]>();
  for (const ref of mine)
    for (const { state, hostnames } of attachRoute(subject, ref, gateway).listeners) hosts.set(state, hostnames);
  return { labels, places: [...hosts].map(([state, common]) => ({ state, route: { meta, spec, hosts: common } })) };
}
