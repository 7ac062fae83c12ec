import type { MtlsMode, PeerAuthenticationSpec } from '@weft/mesh-api';
import {
  Action,
  Authorization,
  Group,
  Match,
  Rules,
  Scope,
  StringMatch,
} from '@weft/xds/gen/mesh/security/authorization.js';

/** The PeerAuthentications that rule a workload: of each scope the oldest. */
export interface PeerAuthenticationScopes {
  readonly mesh?: PeerAuthenticationSpec | undefined;
  readonly namespace?: PeerAuthenticationSpec | undefined;
  readonly workload?: PeerAuthenticationSpec | undefined;
}

/** `strict`: plaintext is refused. DISABLE counts as permissive: ztunnel takes mTLS and plaintext then. */
export interface EffectiveMtls {
  readonly strict: boolean;
  /** Ports with the opposite of `strict`, ascending. */
  readonly exceptions: readonly number[];
}

/** A name that no Kubernetes object can have. */
export const STATIC_STRICT_POLICY = 'istio_converted_static_strict';

export const convertedPeerAuthenticationName = (name: string): string => `converted_peer_authentication_${name}`;

/** Workload over namespace over mesh; UNSET inherits; nothing set anywhere is permissive. */
export function effectiveMtls({ mesh, namespace, workload }: PeerAuthenticationScopes): EffectiveMtls {
  const strict = [workload, namespace, mesh].map((spec) => decided(spec?.mode)).find((mode) => mode !== null) ?? false;
  const exceptions = [...(workload?.portLevel ?? [])]
    .filter(([, mode]) => decided(mode) === !strict)
    .map(([port]) => port);
  return { strict, exceptions: exceptions.sort((a, b) => a - b) };
}

const decided = (mode: MtlsMode | undefined): boolean | null =>
  mode === undefined || mode === 'UNSET' ? null : mode === 'STRICT';

/** The policy, `namespace/name`, that a workload has to name; null when plaintext is welcome on every port. */
export function mtlsPolicyOf(
  mtls: EffectiveMtls,
  rootNamespace: string,
  workloadPolicy: { readonly namespace: string; readonly name: string } | undefined,
): string | null {
  if (mtls.exceptions.length > 0 && workloadPolicy !== undefined) {
    return `${workloadPolicy.namespace}/${convertedPeerAuthenticationName(workloadPolicy.name)}`;
  }
  return mtls.strict ? `${rootNamespace}/${STATIC_STRICT_POLICY}` : null;
}

/** Refuses plaintext on every port of the workloads that name it. */
export function staticStrictPolicy(rootNamespace: string): Authorization {
  return denial(rootNamespace, STATIC_STRICT_POLICY, [group([unauthenticated()])]);
}

/** The policy of one PeerAuthentication with port-level modes; null when it has no exception from what it inherits. */
export function convertPeerAuthentication(
  policy: { readonly namespace: string; readonly name: string },
  mtls: EffectiveMtls,
): Authorization | null {
  if (mtls.exceptions.length === 0) return null;
  const groups = mtls.strict
    ? [group([unauthenticated(), ...mtls.exceptions.map((port) => Match.fromPartial({ notDestinationPorts: [port] }))])]
    : mtls.exceptions.map((port) => group([Match.fromPartial({ ...unauthenticated(), destinationPorts: [port] })]));
  return denial(policy.namespace, convertedPeerAuthenticationName(policy.name), groups);
}

/** No principal at all: the connection came in plaintext. */
function unauthenticated(): Match {
  const presence = StringMatch.fromPartial({ matchType: { $case: 'presence', value: {} } });
  return Match.fromPartial({ notPrincipals: [presence] });
}

/** All of these matches. */
const group = (matches: readonly Match[]): Group =>
  Group.fromPartial({ rules: matches.map((match) => Rules.fromPartial({ matches: [match] })) });

const denial = (namespace: string, name: string, groups: Group[]): Authorization =>
  Authorization.fromPartial({ name, namespace, scope: Scope.WORKLOAD_SELECTOR, action: Action.DENY, groups });
