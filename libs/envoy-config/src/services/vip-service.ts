import type { Resolution } from '@weft/mesh-api';
import type { ServiceClaim } from '@weft/mesh-model';
import { AppProtocol } from '@weft/xds/gen/mesh/workload/workload.js';
import type { Cidr } from '../messages/matcher-tree.js';

/** How Envoy treats the bytes of a port. `auto`: by looking at the first ones. */
export type PortProtocol = 'http' | 'http2' | 'tcp' | 'auto';

export interface VipPort {
  readonly number: number;
  /** Of the endpoints; 0: each has its own. */
  readonly targetPort: number;
  readonly protocol: PortProtocol;
  /** Declared as such. */
  readonly isGrpc: boolean;
}

/** A service whose traffic goes through the waypoint. */
export interface VipService {
  readonly kind: 'Service' | 'ServiceEntry';
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  /** Its virtual addresses; without any it cannot be matched and has no filter chain. */
  readonly addresses: readonly Cidr[];
  readonly ports: readonly VipPort[];
  readonly resolution: Resolution;
  /** That certificates of its servers have, unless a rule names others. */
  readonly subjectAltNames: readonly string[];
  readonly loadBalancing: ServiceClaim['loadBalancing'];
}

const PROTOCOLS: Readonly<Record<AppProtocol, PortProtocol>> = {
  [AppProtocol.UNKNOWN]: 'auto',
  [AppProtocol.HTTP11]: 'http',
  [AppProtocol.HTTP2]: 'http2',
  [AppProtocol.GRPC]: 'http2',
  [AppProtocol.TCP]: 'tcp',
  [AppProtocol.TLS]: 'tcp',
  [AppProtocol.UNRECOGNIZED]: 'tcp',
};

export const portProtocolOf = (protocol: AppProtocol): PortProtocol => PROTOCOLS[protocol];

/** Which stacks a port needs: HTTP, TCP, or both until the first bytes tell. */
export const stacksOf = ({ protocol }: Pick<VipPort, 'protocol'>): readonly ('http' | 'tcp')[] =>
  protocol === 'auto' ? ['http', 'tcp'] : [protocol === 'tcp' ? 'tcp' : 'http'];

/**
 * Name of the cluster of a service port in a waypoint, which is also the name of its filter chain and its route
 * configuration: `inbound-vip|<port>|<http|tcp>[/<subset>]|<hostname>`.
 */
export function vipName(hostname: string, port: number, stack: 'http' | 'tcp', subset = ''): string {
  return `inbound-vip|${port}|${stack}${subset === '' ? '' : `/${subset}`}|${hostname}`;
}
