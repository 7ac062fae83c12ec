import { compareByAge, type GatewaySpec, type Listener, type ListenerSetSpec, type ObjectMeta } from '@weft/mesh-api';
import { statesBeside, type ListenerReferences, type ListenerState, type ProxyRole } from './listener-state.js';
import { allowsNamespace } from './namespace-selection.js';

/** What has listeners: a Gateway, or a ListenerSet that adds some to it. Routes name it as their parent. */
export interface ListenerOwner {
  readonly kind: 'Gateway' | 'ListenerSet';
  readonly namespace: string;
  readonly name: string;
}

export interface ListenerGroup {
  readonly owner: ListenerOwner;
  readonly listeners: readonly Listener[];
}

export interface ListenerGroupState {
  readonly owner: ListenerOwner;
  readonly listeners: readonly ListenerState[];
}

interface Written<S> {
  readonly meta: ObjectMeta;
  readonly spec: S;
}

export const ownerKey = ({ kind, namespace, name }: ListenerOwner): string => `${kind}/${namespace}/${name}`;

/** Without a word of the Gateway it takes none. */
export const takesListenerSet = (
  { meta, spec }: Written<GatewaySpec>,
  from: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean => allowsNamespace(spec.allowedListeners?.namespaces ?? { from: 'None' }, meta.namespace, from);

/** The Gateway's own listeners first, then those of the ListenerSets that it takes, the oldest first. */
export function listenerGroups(
  gateway: Written<GatewaySpec>,
  sets: readonly Written<ListenerSetSpec>[],
): readonly ListenerGroup[] {
  const group = (
    kind: ListenerOwner['kind'],
    { meta, spec }: Written<{ readonly listeners: readonly Listener[] }>,
  ) => ({
    owner: { kind, namespace: meta.namespace, name: meta.name },
    listeners: spec.listeners,
  });
  const oldest = [...sets].sort((a, b) => compareByAge(a.meta, b.meta));
  return [group('Gateway', gateway), ...oldest.map((set) => group('ListenerSet', set))];
}

/** Of two listeners that contradict each other that of the earlier group has the port. */
export function groupStates(
  groups: readonly ListenerGroup[],
  role: ProxyRole,
  referencesOf: (owner: ListenerOwner) => ListenerReferences,
): readonly ListenerGroupState[] {
  const taken: Listener[] = [];
  return groups.map(({ owner, listeners }) => {
    const states = statesBeside(taken, listeners, { role, references: referencesOf(owner) });
    taken.push(...states.filter(({ conflicted }) => conflicted.status === 'False').map(({ listener }) => listener));
    return { owner, listeners: states };
  });
}
