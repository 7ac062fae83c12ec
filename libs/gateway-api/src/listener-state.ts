import { GATEWAY_API_GROUP, type Listener, type SecretReference } from '@weft/mesh-api';
import { clientValidationFault, type ClientValidations } from './client-validation.js';
import { fails, holds, type Verdict } from './verdict.js';

export interface RouteKind {
  readonly group: string;
  readonly kind: string;
}

export type ProxyRole = 'waypoint' | 'router';

/** What a listener refers to. */
export interface ListenerReferences {
  /** Why a certificate cannot be used; null if it can. */
  certificateFault(reference: SecretReference): CertificateFault | null;
  /** Of the Gateway. */
  readonly clientValidation: ClientValidations;
}
export interface CertificateFault {
  readonly reason: 'InvalidCertificateRef' | 'RefNotPermitted';
  readonly message: string;
}

/** A listener with what there is to say of it. */
export interface ListenerState {
  readonly listener: Listener;
  /** Kinds of routes that may attach. */
  readonly supportedKinds: readonly RouteKind[];
  readonly accepted: Verdict;
  readonly programmed: Verdict;
  readonly resolvedRefs: Verdict;
  readonly conflicted: Verdict;
}

const kinds = (...names: readonly string[]): readonly RouteKind[] =>
  names.map((kind) => ({ group: GATEWAY_API_GROUP, kind }));
const HTTP_KINDS = kinds('HTTPRoute', 'GRPCRoute');
export const HBONE_PORT = 15_008;

/** By protocol; for HBONE routes attach to services, not to the listener. */
const ROUTE_KINDS: Readonly<Record<string, readonly RouteKind[]>> = {
  HTTP: HTTP_KINDS,
  HTTPS: HTTP_KINDS,
  TLS: kinds('TLSRoute'),
  TCP: kinds('TCPRoute'),
  HBONE: [],
};
const PROTOCOLS: Readonly<Record<ProxyRole, readonly string[]>> = {
  waypoint: ['HBONE'],
  router: ['HTTP', 'HTTPS', 'TLS', 'TCP', 'HBONE'],
};

/** Judges the listeners of one gateway, which also may not contradict each other. The earlier of two has the port. */
export const listenerStates = (
  listeners: readonly Listener[],
  role: ProxyRole,
  references: ListenerReferences,
): readonly ListenerState[] => statesBeside([], listeners, { role, references });

/** The same for listeners that come after others, which have their ports already. */
export function statesBeside(
  taken: readonly Listener[],
  listeners: readonly Listener[],
  { role, references }: { readonly role: ProxyRole; readonly references: ListenerReferences },
): readonly ListenerState[] {
  const earlier = [...taken];
  return listeners.map((listener) => {
    const conflict = conflictOf(listener, earlier);
    if (conflict === null) earlier.push(listener);
    return stateOf(listener, conflict, { role, references });
  });
}

function stateOf(
  listener: Listener,
  conflict: Verdict | null,
  { role, references }: { readonly role: ProxyRole; readonly references: ListenerReferences },
): ListenerState {
  const protocol = protocolFault(listener, role);
  const { supportedKinds, fault: kindFault } = kindsOf(listener);
  const ofClients =
    listener.protocol === 'HTTPS' ? clientValidationFault(references.clientValidation(listener.port)) : null;
  const resolvedRefs =
    kindFault ??
    certificatesFault(listener, references) ??
    ofClients?.resolvedRefs ??
    holds('ResolvedRefs', 'All references resolved');
  const accepted = protocol ?? conflict ?? ofClients?.accepted ?? holds('Accepted', 'Listener accepted');
  const good = accepted.status === 'True' && resolvedRefs.status === 'True';
  return {
    listener,
    supportedKinds: protocol === null ? supportedKinds : [],
    accepted,
    resolvedRefs,
    conflicted: conflict
      ? { ...conflict, status: 'True' }
      : { status: 'False', reason: 'NoConflicts', message: 'No conflicts' },
    programmed: good
      ? holds('Programmed', 'Listener programmed')
      : fails(conflict?.reason ?? 'Invalid', 'see the other conditions'),
  };
}

/** Whether what is in the way of a listener keeps it from being served at all. */
export const isValid = ({ accepted, resolvedRefs }: ListenerState): boolean =>
  accepted.status === 'True' && resolvedRefs.status === 'True';

function protocolFault({ protocol, port, tls }: Listener, role: ProxyRole): Verdict | null {
  const known = PROTOCOLS[role];
  if (!known.includes(protocol))
    return fails(
      'UnsupportedProtocol',
      `protocol ${JSON.stringify(protocol)} is not supported; use ${known.join(', ')}`,
    );
  if (role === 'waypoint' && port !== HBONE_PORT)
    return fails(
      'PortUnavailable',
      `a waypoint listens on port ${HBONE_PORT} with protocol HBONE; port ${port} has no effect`,
    );
  if (protocol === 'HTTPS' && tls === undefined)
    return fails('Invalid', 'tls is missing; set certificateRefs, or use protocol HTTP');
  return null;
}

function conflictOf(listener: Listener, earlier: readonly Listener[]): Verdict | null {
  for (const other of earlier) {
    if (other.port !== listener.port) continue;
    if (!shareable(other.protocol, listener.protocol))
      return fails(
        'ProtocolConflict',
        `listener ${other.name} has port ${other.port} with protocol ${other.protocol}; use another port`,
      );
    if (other.hostname === listener.hostname)
      return fails(
        'HostnameConflict',
        `listener ${other.name} has port ${other.port} and hostname ${other.hostname ?? '(any)'}; use another hostname`,
      );
  }
  return null;
}

const isTls = (protocol: string): boolean => protocol === 'HTTPS' || protocol === 'TLS';
const shareable = (a: string, b: string): boolean => (a === b && a !== 'TCP') || (isTls(a) && isTls(b));

function kindsOf({ protocol, allowedRoutes }: Listener): {
  readonly supportedKinds: readonly RouteKind[];
  readonly fault: Verdict | null;
} {
  const possible = Object.hasOwn(ROUTE_KINDS, protocol) ? ROUTE_KINDS[protocol]! : [];
  const asked = allowedRoutes.kinds;
  if (asked.length === 0) return { supportedKinds: possible, fault: null };
  const isPossible = ({ group, kind }: RouteKind) => possible.some((one) => one.group === group && one.kind === kind);
  const wrong = asked.filter((one) => !isPossible(one));
  const supportedKinds = asked.filter(isPossible).map(({ group, kind }) => ({ group, kind }));
  if (wrong.length === 0) return { supportedKinds, fault: null };
  const message = `allowedRoutes.kinds: ${wrong.map(({ kind }) => kind).join(', ')} cannot attach to protocol ${protocol}; remove it`;
  return { supportedKinds, fault: fails('InvalidRouteKinds', message) };
}

function certificatesFault({ protocol, tls }: Listener, references: ListenerReferences): Verdict | null {
  if (!isTls(protocol) || tls === undefined || tls.mode === 'Passthrough') return null;
  if (tls.certificateRefs.length === 0 && Object.keys(tls.options).length === 0)
    return fails('InvalidCertificateRef', 'tls.certificateRefs: names no certificate; add the Secret that has it');
  for (const reference of tls.certificateRefs) {
    const fault = references.certificateFault(reference);
    if (fault !== null) return fails(fault.reason, `tls.certificateRefs: ${fault.message}`);
  }
  return null;
}
