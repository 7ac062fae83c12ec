import type { IpAddress } from '@weft/ip';
import type { IngressWaypoint } from '@weft/mesh-model';
import { ClusterLoadAssignment } from '@weft/xds/gen/envoy/config/endpoint/v3/endpoint.js';
import { CONNECT_ORIGINATE, HBONE_PORT, METADATA_ORIGINAL_DST } from '../connections/well-known-keys.js';
import { internalAddress } from '../messages/address.js';

/** The proxies of the waypoint that a service is reached through: each opens a tunnel to the service's own address. */
export function waypointEndpoints(
  clusterName: string,
  port: number,
  { address, proxies }: IngressWaypoint,
): ClusterLoadAssignment {
  const local = authority(address, port);
  const waypoints = proxies.map((proxy) => authority(proxy, HBONE_PORT)).sort();
  return ClusterLoadAssignment.fromPartial({
    clusterName,
    endpoints: [
      {
        lbEndpoints: waypoints.map((waypoint) => ({
          hostIdentifier: {
            $case: 'endpoint' as const,
            value: { address: internalAddress(CONNECT_ORIGINATE, waypoint) },
          },
          metadata: { filterMetadata: { [METADATA_ORIGINAL_DST]: { local, waypoint } } },
        })),
      },
    ],
  });
}

const authority = ({ text }: IpAddress, port: number): string =>
  text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
