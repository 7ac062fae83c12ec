import type { Collection, Graph } from '@weft/collections';
import { ipFromBytes } from '@weft/ip';
import { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, makeXdsResource, type XdsResource } from '@weft/xds';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address, NetworkMode, type Service, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import type { ServiceState } from './service-collections.js';

const SAME_VERSION = { equals: (a: XdsResource, b: XdsResource): boolean => a.version === b.version };

/** Workloads by uid and services by `namespace/hostname`, as they go over the wire. */
export function addressResources(
  graph: Graph,
  workloads: Collection<Workload>,
  services: Collection<ServiceState>,
): Collection<XdsResource> {
  return graph.union('address resources', [
    graph.derive('workload resources', workloads, workloadResource, SAME_VERSION),
    graph.derive('service resources', services, ({ message }) => serviceResource(message), SAME_VERSION),
  ]);
}

export function authorizationResources(
  graph: Graph,
  authorizations: Collection<Authorization>,
): Collection<XdsResource> {
  return graph.derive(
    'authorization resources',
    authorizations,
    (authorization, _fetch, name) =>
      makeXdsResource({ name, typeUrl: AUTHORIZATION_TYPE_URL, body: Authorization.encode(authorization).finish() }),
    SAME_VERSION,
  );
}

function workloadResource(workload: Workload): XdsResource {
  const body = Address.encode(Address.fromPartial({ type: { $case: 'workload', value: workload } })).finish();
  const hidden = workload.networkMode === NetworkMode.HOST_NETWORK;
  return makeXdsResource({
    name: workload.uid,
    aliases: hidden ? [] : workload.addresses.map((address) => addressKey(workload.network, address)),
    relatedTo: Object.keys(workload.services),
    typeUrl: ADDRESS_TYPE_URL,
    body,
  });
}

function serviceResource(service: Service): XdsResource {
  return makeXdsResource({
    name: `${service.namespace}/${service.hostname}`,
    aliases: service.addresses.map(({ network, address, length }) => addressKey(network, address, length)),
    typeUrl: ADDRESS_TYPE_URL,
    body: Address.encode(Address.fromPartial({ type: { $case: 'service', value: service } })).finish(),
  });
}

function addressKey(network: string, address: Uint8Array, length?: number): string {
  const ip = ipFromBytes(address)?.text ?? '';
  return length === undefined ? `${network}/${ip}` : `${network}/${ip}/${length}`;
}
