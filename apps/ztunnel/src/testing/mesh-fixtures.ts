import { parseCidr, parseIp, parseSocketAddress, type IpAddress, type SocketAddress } from '@weft/ip';
import { compilePolicy, type CompiledPolicy } from '@weft/policy';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import {
  Service as ServiceMessage,
  TunnelProtocol,
  Workload as WorkloadMessage,
} from '@weft/xds/gen/mesh/workload/workload.js';
import { decodeService } from '../state/decode-service.js';
import { decodeWorkload } from '../state/decode-workload.js';
import type { Service } from '../state/service.js';
import type { Workload } from '../state/workload.js';

export type WorkloadFields = Parameters<typeof WorkloadMessage.fromPartial>[0];
export type ServiceFields = Parameters<typeof ServiceMessage.fromPartial>[0];
export type PolicyFields = Parameters<typeof Authorization.fromPartial>[0];

export function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === null) throw new TypeError(`not an address: ${text}`);
  return parsed;
}

export function socket(text: string): SocketAddress {
  const parsed = parseSocketAddress(text);
  if (parsed === null) throw new TypeError(`not a socket address: ${text}`);
  return parsed;
}

export const bytes = (text: string): Buffer => Buffer.from(ip(text).bytes);

/** A pod `name` of namespace `shop` on node `n1`, HBONE unless said otherwise. */
export function workloadMessage(name: string, address: string | null, fields: WorkloadFields = {}): WorkloadMessage {
  return WorkloadMessage.fromPartial({
    uid: `Kubernetes//Pod/shop/${name}`,
    name,
    namespace: 'shop',
    addresses: address === null ? [] : [bytes(address)],
    tunnelProtocol: TunnelProtocol.HBONE,
    serviceAccount: name,
    node: 'n1',
    workloadName: name,
    canonicalName: name,
    ...fields,
  });
}

export function workload(name: string, address: string | null, fields: WorkloadFields = {}): Workload {
  const decoded = decodeWorkload(workloadMessage(name, address, fields));
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}

/** A canonical service `name.shop.svc.cluster.local` with port 80 to 8080. */
export function serviceMessage(name: string, vip: string | null, fields: ServiceFields = {}): ServiceMessage {
  return ServiceMessage.fromPartial({
    name,
    namespace: 'shop',
    hostname: `${name}.shop.svc.cluster.local`,
    addresses: vip === null ? [] : [vip.includes('/') ? cidrVip(vip) : { address: bytes(vip) }],
    ports: [{ servicePort: 80, targetPort: 8080 }],
    canonical: true,
    ...fields,
  });
}

export function service(name: string, vip: string | null, fields: ServiceFields = {}): Service {
  const decoded = decodeService(serviceMessage(name, vip, fields));
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}

/** The `services` field of a workload: member of these services, with ports if they differ. */
export function memberOf(...names: string[]): NonNullable<WorkloadFields['services']> {
  return Object.fromEntries(
    names.map((name) => [`shop/${name}.shop.svc.cluster.local`, { ports: [{ servicePort: 80, targetPort: 8080 }] }]),
  );
}

export function policy(name: string, fields: PolicyFields): CompiledPolicy {
  const compiled = compilePolicy(Authorization.fromPartial({ name, namespace: 'shop', ...fields }));
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value;
}

function cidrVip(text: string) {
  const cidr = parseCidr(text)!;
  return { address: Buffer.from(cidr.base.bytes), length: cidr.prefixLength };
}
