import { asString, dig, type JsonObject } from '../json.js';
import { labelSelectorText } from '../selector/label-selector.js';
import {
  AGE,
  joined,
  labelsText,
  NAME,
  NONE,
  numberAt,
  objectsAt,
  stringsAt,
  text,
  UNSET,
  wide,
  type Column,
} from './column.js';

function externalIp(service: JsonObject): string {
  const own = stringsAt(service, 'spec', 'externalIPs');
  switch (dig(service, 'spec', 'type')) {
    case 'ExternalName':
      return asString(dig(service, 'spec', 'externalName')) || NONE;
    case 'LoadBalancer': {
      const ingress = objectsAt(service, 'status', 'loadBalancer', 'ingress').map(
        (item) => asString(item['ip']) || asString(item['hostname']),
      );
      return joined([...ingress, ...own], '<pending>');
    }
    default:
      return joined(own);
  }
}

function servicePorts(service: JsonObject): string {
  const ports = objectsAt(service, 'spec', 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort');
    const protocol = asString(port['protocol']) || 'TCP';
    return nodePort > 0 ? `${numberAt(port, 'port')}:${nodePort}/${protocol}` : `${numberAt(port, 'port')}/${protocol}`;
  });
  return joined(ports);
}

export const SERVICE_COLUMNS: readonly Column[] = [
  NAME,
  text('Type', ['spec', 'type']),
  {
    name: 'Cluster-IP',
    cell: (service) =>
      stringsAt(service, 'spec', 'clusterIPs')[0] ?? (asString(dig(service, 'spec', 'clusterIP')) || NONE),
  },
  { name: 'External-IP', cell: externalIp },
  { name: 'Port(s)', cell: servicePorts },
  AGE,
  wide({ name: 'Selector', cell: (service) => labelsText(dig(service, 'spec', 'selector')) }),
];

/** The first few of a list and how many more there are. */
function firstFew(items: readonly string[], max: number): string {
  if (items.length === 0) return NONE;
  return items.length > max ? `${items.slice(0, max).join(',')} + ${items.length - max} more...` : items.join(',');
}

const MAX_ENDPOINTS = 3;

function endpointsText(endpoints: JsonObject): string {
  const all: string[] = [];
  for (const subset of objectsAt(endpoints, 'subsets')) {
    const addresses = objectsAt(subset, 'addresses').map((item) => asString(item['ip']));
    const ports = objectsAt(subset, 'ports');
    if (ports.length === 0) all.push(...addresses);
    for (const port of ports) {
      all.push(
        ...addresses.map((ip) =>
          ip.includes(':') ? `[${ip}]:${numberAt(port, 'port')}` : `${ip}:${numberAt(port, 'port')}`,
        ),
      );
    }
  }
  return firstFew(all, MAX_ENDPOINTS);
}

export const ENDPOINTS_COLUMNS: readonly Column[] = [NAME, { name: 'Endpoints', cell: endpointsText }, AGE];

function slicePorts(slice: JsonObject): string {
  const ports = objectsAt(slice, 'ports').map((port) =>
    typeof port['port'] === 'number'
      ? String(port['port'])
      : port['name'] !== undefined && port['name'] !== ''
        ? asString(port['name'])
        : '*',
  );
  return ports.length === 0 ? UNSET : firstFew(ports, MAX_ENDPOINTS);
}

function sliceEndpoints(slice: JsonObject): string {
  const addresses = objectsAt(slice, 'endpoints').flatMap((endpoint) => stringsAt(endpoint, 'addresses'));
  return addresses.length === 0 ? UNSET : firstFew(addresses, MAX_ENDPOINTS);
}

export const ENDPOINT_SLICE_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'AddressType', cell: (slice) => asString(slice['addressType']) },
  { name: 'Ports', cell: slicePorts },
  { name: 'Endpoints', cell: sliceEndpoints },
  AGE,
];

export const INGRESS_COLUMNS: readonly Column[] = [
  NAME,
  text('Class', ['spec', 'ingressClassName']),
  {
    name: 'Hosts',
    cell: (ingress) => {
      const hosts = objectsAt(ingress, 'spec', 'rules').map((rule) => asString(rule['host']) || '*');
      return hosts.length === 0 ? '*' : firstFew(hosts, MAX_ENDPOINTS);
    },
  },
  {
    name: 'Address',
    cell: (ingress) =>
      objectsAt(ingress, 'status', 'loadBalancer', 'ingress')
        .map((item) => asString(item['ip']) || asString(item['hostname']))
        .join(','),
  },
  { name: 'Ports', cell: (ingress) => (objectsAt(ingress, 'spec', 'tls').length > 0 ? '80, 443' : '80') },
  AGE,
];

export const NETWORK_POLICY_COLUMNS: readonly Column[] = [
  NAME,
  { name: 'Pod-Selector', cell: (policy) => labelSelectorText(dig(policy, 'spec', 'podSelector')) || NONE },
  AGE,
];
