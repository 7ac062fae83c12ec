import type { Listener } from '@weft/xds/gen/envoy/config/listener/v3/listener.js';
import type { Draft } from './draft.js';
import { socketAddress } from './address.js';

/** Of the addresses that proxies have. */
export interface AddressFamilies {
  readonly v4: boolean;
  readonly v6: boolean;
}

/** Every address of the proxy: Envoy refuses a listener for a family that the pod does not have. */
export function listenAddresses(
  port: number,
  { v4, v6 }: AddressFamilies,
): Pick<Draft<typeof Listener>, 'address' | 'additionalAddresses'> {
  if (!v6) return { address: socketAddress('0.0.0.0', port) };
  if (!v4) return { address: socketAddress('::', port) };
  return { address: socketAddress('0.0.0.0', port), additionalAddresses: [{ address: socketAddress('::', port) }] };
}
