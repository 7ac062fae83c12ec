import type { ParentReference } from '@weft/mesh-api';
import { servedHostnames } from './hostnames.js';
import type { ListenerState, RouteKind } from './listener-state.js';
import { allowsNamespace } from './namespace-selection.js';
import { fails, holds, type Verdict } from './verdict.js';

/** A route as attachment sees it. */
export interface RouteSubject extends RouteKind {
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly hostnames: readonly string[];
}

/** A gateway as attachment sees it. */
export interface GatewaySubject {
  readonly namespace: string;
  readonly listeners: readonly ListenerState[];
}

export interface Attachment {
  readonly accepted: Verdict;
  /** Where the route is attached. */
  readonly listeners: readonly AttachedListener[];
}
export interface AttachedListener {
  readonly state: ListenerState;
  /** Undefined is any host. */
  readonly hostnames: readonly (string | undefined)[];
}

/** Attaches a route to the listeners of a Gateway that one of its parentRefs names. */
export function attachRoute(route: RouteSubject, parent: ParentReference, gateway: GatewaySubject): Attachment {
  const not = (reason: string, message: string): Attachment => ({ accepted: fails(reason, message), listeners: [] });
  const named = gateway.listeners.filter(
    ({ listener: { name, port } }) =>
      (parent.sectionName === undefined || parent.sectionName === name) &&
      (parent.port === undefined || parent.port === port),
  );
  if (named.length === 0) return not('NoMatchingParent', noListener(parent));
  const allowing = named.filter(
    ({ listener: { allowedRoutes }, supportedKinds }) =>
      supportedKinds.some(({ group, kind }) => group === route.group && kind === route.kind) &&
      allowsNamespace(allowedRoutes.namespaces, gateway.namespace, {
        namespace: route.namespace,
        labels: route.namespaceLabels,
      }),
  );
  if (allowing.length === 0)
    return not(
      'NotAllowedByListeners',
      `no listener of ${parent.kind} ${parent.name} takes a ${route.kind} of namespace ${route.namespace}; change its allowedRoutes`,
    );
  const listeners = allowing
    .map((state) => ({ state, hostnames: servedHostnames(state.listener.hostname, route.hostnames) }))
    .filter(({ hostnames }) => hostnames.length > 0);
  if (listeners.length === 0)
    return not(
      'NoMatchingListenerHostname',
      `no listener of ${parent.kind} ${parent.name} serves ${route.hostnames.join(', ')}; change spec.hostnames or the listener`,
    );
  return { accepted: holds('Accepted', 'Route accepted'), listeners };
}

function noListener({ kind, name, sectionName, port }: ParentReference): string {
  const what = [
    ...(sectionName === undefined ? [] : [`named ${sectionName}`]),
    ...(port === undefined ? [] : [`on port ${port}`]),
  ];
  return `${kind} ${name} has no listener ${what.join(' ')}; correct sectionName or port of the parentRef`;
}
