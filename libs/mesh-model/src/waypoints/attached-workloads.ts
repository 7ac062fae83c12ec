import type { Collection, Graph } from '@weft/collections';
import { ipFromBytes } from '@weft/ip';
import type { AuthorizationPolicy, RequestAuthenticationSpec, TelemetrySpec } from '@weft/mesh-api';
import type { GatewayAddress, Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { EnvoyPatches } from './envoy-patches.js';
import type { PolicyTargets } from './policy-targets.js';
import type { Readable } from './route-sources.js';
import type { WaypointGateway } from './waypoint-gateway.js';

/** The workloads whose own addresses are reached through a waypoint, and the policies of all that goes through it. */
export interface AttachedWorkloads {
  /** Key of the waypoint. */
  readonly key: string;
  /** Texts, sorted. */
  readonly addresses: readonly string[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly Readable<RequestAuthenticationSpec>[];
  /** The widest scope first. */
  readonly telemetries: readonly Readable<TelemetrySpec>[];
  readonly envoyPatches: readonly EnvoyPatches[];
}

/** One entry for each waypoint that takes traffic of workloads. */
export function attachedWorkloads(
  graph: Graph,
  waypoints: Collection<WaypointGateway>,
  workloads: Collection<Workload>,
  policies: PolicyTargets,
): Collection<AttachedWorkloads> {
  const byWaypoint = graph.index('workloads by waypoint', workloads, ({ waypoint }) =>
    waypoint === undefined ? [] : [addressKey(waypoint)],
  );
  return graph.derive('attached workloads', waypoints, (waypoint, fetch) => {
    if (waypoint.address === null || !waypoint.traffic.includes('workload')) return undefined;
    const place = { waypoint, service: null };
    return {
      key: waypoint.key,
      addresses: fetch
        .lookup(byWaypoint, addressKey(waypoint.address))
        .flatMap(({ addresses }) => addresses.flatMap((bytes) => ipFromBytes(bytes)?.text ?? []))
        .sort(),
      authorizationPolicies: policies.authorizationPoliciesOf(fetch, place),
      requestAuthentications: policies.requestAuthenticationsOf(fetch, place),
      telemetries: policies.telemetriesOf(fetch, place),
      envoyPatches: policies.envoyPatchesOf(fetch, place),
    };
  });
}

function addressKey({ destination }: GatewayAddress): string {
  if (destination?.$case === 'hostname') return `${destination.value.namespace}/${destination.value.hostname}`;
  return destination === undefined
    ? ''
    : `${destination.value.network}/${Buffer.from(destination.value.address).toString('hex')}`;
}
