import { parseIp } from '@weft/ip';
import {
  objectKey,
  type EndpointSlice,
  type Informer,
  type KubeService,
  type Namespace,
  type ObjectIndex,
} from '@weft/kube';
import type { ServiceView } from '../service-view.js';
import type { DnsRecord, Lookup } from './records.js';
import { addressOfLabel, addressOfReverseName, labelOfAddress } from './reverse-name.js';

/** The version of the Kubernetes DNS specification that the names follow. */
const SCHEMA_VERSION = '1.1.0';
const MISSING: Lookup = { found: false, inZone: true };
const EMPTY: Lookup = { found: true, records: [] };

interface NamedEndpoint {
  readonly hostname: string;
  readonly address: string;
}

/**
 * Names of the cluster domain, as the Kubernetes DNS specification has them: Services (ClusterIP, headless, ExternalName), named
 * ports, hostnames of headless Services, pods by address, and the names of addresses.
 */
export class ClusterNames {
  readonly #servicesByAddress: ObjectIndex<KubeService>;
  readonly #slicesByAddress: ObjectIndex<EndpointSlice>;

  constructor(
    private readonly view: ServiceView,
    private readonly namespaces: Pick<Informer<Namespace>, 'get'>,
    /** Lower case, without dots at the ends. */
    readonly domain: string,
  ) {
    this.#servicesByAddress = view.services.index((service) => addressesOf(service));
    this.#slicesByAddress = view.slices.index(({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses }) => addresses.map(canonical)),
    );
  }

  /** `name` is in lower case and has no trailing dot. */
  lookup(name: string): Lookup {
    const address = addressOfReverseName(name);
    if (address !== null) return this.#reverse(name, address.text);
    if (name === this.domain) return { found: true, records: [{ type: 'NS', name, target: `ns.dns.${this.domain}` }] };
    if (!name.endsWith(`.${this.domain}`)) return { found: false, inZone: false };
    const labels = name
      .slice(0, -this.domain.length - 1)
      .split('.')
      .reverse();
    const [root, ...rest] = labels;
    if (root === 'svc') return this.#serviceName(name, rest);
    if (root === 'pod') return this.#podName(name, rest);
    if (root === 'dns-version' && rest.length === 0)
      return { found: true, records: [{ type: 'TXT', name, text: SCHEMA_VERSION }] };
    return MISSING;
  }

  /** `labels` are those before `.svc`, from right to left: namespace, service, then what is below. */
  #serviceName(name: string, [namespace, serviceName, ...below]: readonly string[]): Lookup {
    if (namespace === undefined) return EMPTY;
    if (serviceName === undefined) return this.namespaces.get(undefined, namespace) === undefined ? MISSING : EMPTY;
    const service = this.view.services.get(namespace, serviceName);
    if (service === undefined) return MISSING;
    if (service.spec?.type === 'ExternalName') return below.length === 0 ? externalName(name, service) : MISSING;
    const host = `${serviceName}.${namespace}.svc.${this.domain}`;
    if (below.length === 0)
      return { found: true, records: this.#records(name, host, service), additional: this.#targets(host, service) };
    const [first = '', second] = below;
    if (second === undefined && !first.startsWith('_')) return this.#hostname(name, first, service);
    if (below.length === 1 && (first === '_tcp' || first === '_udp' || first === '_sctp')) return EMPTY;
    if (below.length !== 2 || second === undefined || !first.startsWith('_') || !second.startsWith('_')) return MISSING;
    const records = this.#ports(name, host, service, { protocol: first.slice(1), port: second.slice(1) });
    return records.length === 0 ? MISSING : { found: true, records, additional: this.#targets(host, service) };
  }

  #records(name: string, host: string, service: KubeService): DnsRecord[] {
    const addresses = isHeadless(service) ? this.#ready(service).map(({ address }) => address) : addressesOf(service);
    return [
      ...[...new Set(addresses)].map((address) => addressRecord(name, address)),
      ...this.#ports(name, host, service),
    ];
  }

  /** SRV records; with `only`, those of one named port. */
  #ports(name: string, host: string, service: KubeService, only?: { protocol: string; port: string }): DnsRecord[] {
    const wanted = (port: string | undefined, protocol = 'TCP'): boolean =>
      only === undefined || (only.port === port && only.protocol === protocol.toLowerCase());
    if (!isHeadless(service)) {
      const ports = (service.spec?.ports ?? []).filter((port) => wanted(port.name, port.protocol));
      return ports.map(({ port }) => ({ type: 'SRV', name, target: host, port, weight: 100 }));
    }
    const records = new Map<string, DnsRecord>();
    for (const slice of this.view.slicesOf.get(objectKey(service))) {
      for (const { name: portName, port, protocol } of slice.ports ?? []) {
        if (port === undefined || !wanted(portName, protocol)) continue;
        for (const { hostname } of readyIn(slice)) {
          records.set(`${hostname} ${port}`, { type: 'SRV', name, target: `${hostname}.${host}`, port, weight: 100 });
        }
      }
    }
    return [...records.values()];
  }

  /** Addresses of the SRV targets, so that clients need not ask again. */
  #targets(host: string, service: KubeService): DnsRecord[] {
    if (!isHeadless(service)) return addressesOf(service).map((address) => addressRecord(host, address));
    return this.#ready(service).map(({ hostname, address }) => addressRecord(`${hostname}.${host}`, address));
  }

  #hostname(name: string, hostname: string, service: KubeService): Lookup {
    if (!isHeadless(service)) return MISSING;
    const records = this.#ready(service).filter((endpoint) => endpoint.hostname === hostname);
    if (records.length === 0) return MISSING;
    return { found: true, records: records.map(({ address }) => addressRecord(name, address)) };
  }

  #ready(service: KubeService): NamedEndpoint[] {
    return this.view.slicesOf.get(objectKey(service)).flatMap(readyIn);
  }

  /** Any address of a namespace that exists: like CoreDNS' mode `insecure`, it does not ask whether there is such a pod. */
  #podName(name: string, [namespace, label, ...more]: readonly string[]): Lookup {
    if (namespace === undefined) return EMPTY;
    if (this.namespaces.get(undefined, namespace) === undefined) return MISSING;
    if (label === undefined) return EMPTY;
    const address = more.length === 0 ? addressOfLabel(label) : null;
    return address === null ? MISSING : { found: true, records: [addressRecord(name, address.text)] };
  }

  #reverse(name: string, address: string): Lookup {
    const targets = this.#servicesByAddress.get(address).map((service) => this.#nameOf(service));
    for (const slice of this.#slicesByAddress.get(address)) {
      const serviceName = slice.metadata?.labels?.['kubernetes.io/service-name'] ?? '';
      const service = this.view.services.get(slice.metadata?.namespace, serviceName);
      if (service === undefined || !isHeadless(service)) continue;
      for (const endpoint of readyIn(slice)) {
        if (endpoint.address === address) targets.push(`${endpoint.hostname}.${this.#nameOf(service)}`);
      }
    }
    if (targets.length === 0) return { found: false, inZone: false };
    return { found: true, records: [...new Set(targets)].map((target) => ({ type: 'PTR', name, target })) };
  }

  #nameOf({ metadata }: KubeService): string {
    return `${metadata?.name ?? ''}.${metadata?.namespace ?? ''}.svc.${this.domain}`;
  }
}

const canonical = (text: string): string => parseIp(text)?.text ?? text;
const isHeadless = ({ spec }: KubeService): boolean => spec?.clusterIP === 'None';

function addressesOf({ spec }: KubeService): string[] {
  if (spec === undefined || spec.type === 'ExternalName') return [];
  return (spec.clusterIPs ?? [spec.clusterIP ?? '']).flatMap((text) => parseIp(text)?.text ?? []);
}

/** An endpoint that has no hostname is named by its address. */
function readyIn({ endpoints }: EndpointSlice): NamedEndpoint[] {
  return (endpoints ?? []).flatMap(({ addresses, conditions, hostname }) => {
    const address = parseIp(addresses[0] ?? '')?.text;
    if (address === undefined || !(conditions?.ready ?? true)) return [];
    return [{ hostname: hostname ? hostname.toLowerCase() : labelOfAddress(address), address }];
  });
}

const addressRecord = (name: string, address: string): DnsRecord => ({
  type: address.includes(':') ? 'AAAA' : 'A',
  name,
  address,
});

function externalName(name: string, { spec }: KubeService): Lookup {
  const target = (spec?.externalName ?? '').toLowerCase().replace(/\.$/, '');
  if (target === '') return EMPTY;
  // An address there is against the API's advice; a CNAME to it would resolve nowhere.
  const address = parseIp(target);
  return {
    found: true,
    records: [address === null ? { type: 'CNAME', name, target } : addressRecord(name, address.text)],
  };
}
