import type { Address } from '@weft/xds/gen/envoy/config/core/v3/address.js';
import type { Draft } from './draft.js';

export type AddressDraft = Draft<typeof Address>;

export function socketAddress(address: string, port: number): AddressDraft {
  return {
    address: { $case: 'socketAddress', value: { address, portSpecifier: { $case: 'portValue', value: port } } },
  };
}

/** Another listener of the same Envoy. Endpoints that differ in nothing else need distinct ids, or Envoy takes them for one. */
export function internalAddress(listener: string, endpointId = ''): AddressDraft {
  return {
    address: {
      $case: 'envoyInternalAddress',
      value: { addressNameSpecifier: { $case: 'serverListenerName', value: listener }, endpointId },
    },
  };
}
