import { Cluster, Cluster_DiscoveryType } from '@weft/xds/gen/envoy/config/cluster/v3/cluster.js';
import { circuitBreakers } from '../clusters/circuit-breakers.js';
import { httpProtocolOptions } from '../clusters/http-protocol.js';
import { internalSocket } from './internal-socket.js';
import { CONNECT_ORIGINATE, ENCAP, MAIN_INTERNAL } from './well-known-keys.js';
import { internalAddress } from '../messages/address.js';
import { duration } from '../messages/duration.js';

const IDLE_MS = 300_000;

/** From one listener of this Envoy to the next. */
export const mainInternalCluster = (): Cluster => toListener(MAIN_INTERNAL, MAIN_INTERNAL);

/** For traffic to addresses of workloads: out again, to where it was going. */
export const encapCluster = (): Cluster => toListener(ENCAP, CONNECT_ORIGINATE);

/** Nowhere. */
export const blackHoleCluster = (): Cluster =>
  Cluster.fromPartial({
    name: BLACK_HOLE,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(1000),
    loadAssignment: { clusterName: BLACK_HOLE },
  });

export const BLACK_HOLE = 'BlackHoleCluster';

function toListener(name: string, listener: string): Cluster {
  return Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(1000),
    circuitBreakers: circuitBreakers(),
    loadAssignment: {
      clusterName: name,
      endpoints: [
        { lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: internalAddress(listener) } } }] },
      ],
    },
    transportSocket: internalSocket(),
    typedExtensionProtocolOptions: httpProtocolOptions({
      commonHttpProtocolOptions: { idleTimeout: duration(IDLE_MS) },
      upstreamProtocolOptions: {
        $case: 'useDownstreamProtocolConfig',
        value: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
      },
    }),
  });
}
