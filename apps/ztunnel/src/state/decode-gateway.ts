import { ipFromBytes } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import type { GatewayAddress as GatewayMessage } from '@weft/xds/gen/mesh/workload/workload.js';
import type { GatewayAddress } from './workload.js';

/** Port of a waypoint or gateway that leaves it out. */
const DEFAULT_HBONE_PORT = 15008;

export function decodeGateway(field: string, message: GatewayMessage): Result<GatewayAddress, string> {
  const { destination, hboneMtlsPort } = message;
  const hbonePort = hboneMtlsPort === 0 ? DEFAULT_HBONE_PORT : hboneMtlsPort;
  switch (destination?.$case) {
    case undefined:
      return err(`${field} has no destination: want hostname or address`);
    case 'hostname': {
      const { namespace, hostname } = destination.value;
      return ok({ destination: { kind: 'hostname', namespace, hostname }, hbonePort });
    }
    case 'address': {
      const { network, address } = destination.value;
      const ip = ipFromBytes(address);
      if (ip === null) return err(`${field} address has ${address.length} bytes, want 4 or 16`);
      return ok({ destination: { kind: 'address', network, ip }, hbonePort });
    }
  }
}
