import type { KubeService } from '@weft/kube';
import type { Listener, ObjectMeta } from '@weft/mesh-api';
import type { ProxyKind } from '../gateway-kind.js';

const ANNOTATION_SERVICE_TYPE = 'networking.istio.io/service-type';
const TYPES = ['ClusterIP', 'LoadBalancer', 'NodePort'] as const;
const PORT_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

type ServiceSpec = NonNullable<KubeService['spec']>;
type ServicePort = NonNullable<ServiceSpec['ports']>[number];

export interface ServiceOptions {
  readonly gateway: ObjectMeta;
  readonly proxy: ProxyKind;
  readonly listeners: readonly Listener[];
  readonly selector: Readonly<Record<string, string>>;
  /** Addresses that the Gateway asks for. */
  readonly addresses: readonly string[];
}

/** The spec of a Gateway's Service: a port of its own for health, and one for each port of the listeners. */
export function serviceSpec({ gateway, proxy, listeners, selector, addresses }: ServiceOptions): ServiceSpec {
  const asked = gateway.annotations[ANNOTATION_SERVICE_TYPE];
  const type = TYPES.find((one) => one === asked) ?? proxy.serviceType;
  const [address] = addresses;
  return {
    type,
    selector: { ...selector },
    ipFamilyPolicy: 'PreferDualStack',
    ports: [{ name: 'status-port', port: 15_021, protocol: 'TCP', appProtocol: 'tcp' }, ...portsOf(listeners)],
    ...(address !== undefined && (type === 'LoadBalancer' ? { loadBalancerIP: address } : clusterIps(addresses))),
  };
}

/** One of each family: more a Service cannot have. */
function clusterIps([first = '', ...more]: readonly string[]): Pick<ServiceSpec, 'clusterIP' | 'clusterIPs'> {
  const other = more.find((ip) => ip.includes(':') !== first.includes(':'));
  return other === undefined ? { clusterIP: first } : { clusterIP: first, clusterIPs: [first, other] };
}

function portsOf(listeners: readonly Listener[]): ServicePort[] {
  const taken = new Set([15_021]);
  return listeners.flatMap(({ name, port, protocol }) => {
    if (taken.has(port)) return [];
    taken.add(port);
    const appProtocol = protocol.toLowerCase();
    const fallback = `${appProtocol.replace(/[^a-z0-9]+/g, '-')}-${port}`;
    return [{ name: PORT_NAME.test(name) ? name : fallback, port, protocol: 'TCP', appProtocol }];
  });
}
