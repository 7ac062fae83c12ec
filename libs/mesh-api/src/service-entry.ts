import { parseCidr, parseIp } from '@weft/ip';
import { describe, type FieldReader } from './field-reader.js';
import { exportTo } from './networking/export-to.js';
import { LABEL_AUTO_ALLOCATE, LABEL_USE_WAYPOINT } from './labels.js';
import { objectMetaOf } from './object-meta.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import { readSelector, type WorkloadSelector } from './selector.js';
import { addressKindOf, readWorkloadEntrySpec, type WorkloadEntrySpec } from './workload-entry.js';

export const RESOLUTIONS = ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];
export const LOCATIONS = ['MESH_EXTERNAL', 'MESH_INTERNAL'] as const;

export interface ServiceEntryPort {
  readonly number: number;
  readonly name: string;
  /** Upper case; empty if not given. */
  readonly protocol: string;
  readonly targetPort?: number;
}

export interface ServiceEntrySpec {
  /** At least one. */
  readonly hosts: readonly string[];
  /** IP addresses and CIDRs; what is neither was reported and left out. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServiceEntryPort[];
  readonly location: (typeof LOCATIONS)[number];
  readonly resolution: Resolution;
  readonly endpoints: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: WorkloadSelector;
  readonly exportTo: readonly string[];
  readonly subjectAltNames: readonly string[];
}

export type ServiceEntry = ParsedResource<ServiceEntrySpec>;

const HOST = /^(\*\.)?(?=.{1,253}$)([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/i;
/** A wildcard inside a label: no proxy can tell such hosts. */
const PARTIAL_WILDCARD = /^[a-z0-9_.-]*[a-z0-9_-]\*|^\*[a-z0-9_-]/i;
const FIELDS = [
  'hosts',
  'addresses',
  'ports',
  'location',
  'resolution',
  'endpoints',
  'workloadSelector',
  'exportTo',
  'subjectAltNames',
] as const;

/** Reads a ServiceEntry. Bad hosts, addresses, ports and endpoints are reported and left out one by one; null if no host is left. */
export function parseServiceEntry(object: unknown): ServiceEntry {
  const { labels } = objectMetaOf(object);
  return parseResource(object, (reader) => readSpec(reader, labels));
}

const allowsAutomaticAddresses = (labels: Readonly<Record<string, string>>): boolean =>
  labels[LABEL_AUTO_ALLOCATE]?.toLowerCase() !== 'false';

/**
 * The hosts that the mesh gives addresses to: of an entry that names none itself and does not refuse them. With resolution
 * NONE an address would lead nowhere; below a wildcard only DYNAMIC_DNS can tell where a connection wants to go.
 */
export function automaticallyAddressedHosts({ meta, spec }: ServiceEntry): readonly string[] {
  if (spec === null || spec.addresses.length > 0 || spec.resolution === 'NONE') return [];
  if (!allowsAutomaticAddresses(meta.labels)) return [];
  return spec.hosts.filter(
    (host) => parseIp(host) === null && (!host.startsWith('*') || spec.resolution === 'DYNAMIC_DNS'),
  );
}

/** Protocols whose requests name their host. */
const NAMED_PROTOCOLS = new Set(['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'GRPC-WEB', 'TLS']);
const DYNAMIC_PROTOCOLS = new Set(['HTTP', 'TLS', 'GRPC', 'HTTP2']);

function readSpec(reader: FieldReader, labels: Readonly<Record<string, string>>): ServiceEntrySpec | null {
  const fields = reader.object(FIELDS);
  if (fields === null) return null;
  const hosts = readHosts(fields.hosts);
  const resolution = fields.resolution.present ? fields.resolution.oneOf(RESOLUTIONS) : 'NONE';
  const ports = readPorts(fields.ports);
  const selector = readSelector(fields.workloadSelector, 'labels');
  const spec: ServiceEntrySpec = {
    hosts,
    addresses: readAddresses(fields.addresses),
    ports,
    location: fields.location.oneOf(LOCATIONS) ?? 'MESH_EXTERNAL',
    resolution: resolution ?? 'NONE',
    endpoints: readEndpoints(fields.endpoints, resolution ?? 'NONE', ports),
    ...(selector && { workloadSelector: selector }),
    exportTo: exportTo.read(fields.exportTo) ?? [],
    subjectAltNames: fields.subjectAltNames.texts(),
  };
  checkTogether(fields, spec);
  if (resolution === 'DYNAMIC_DNS') checkDynamicDns(fields, spec, labels);
  checkAddresses(fields, spec, allowsAutomaticAddresses(labels));
  return hosts.length === 0 || resolution === undefined ? null : spec;
}

function readHosts(reader: FieldReader): readonly string[] {
  const items = reader.list();
  if (items.length === 0) reader.error('is empty', 'name at least one host');
  const hosts = items.flatMap((item) => {
    const host = item.text();
    if (host === undefined) return [];
    if (HOST.test(host) || parseIp(host) !== null) {
      if (!host.includes('.')) item.warn(`${describe(host)} is a short name`, 'write a full host name');
      return [host.toLowerCase()];
    }
    if (PARTIAL_WILDCARD.test(host)) {
      item.warn(
        `${describe(host)} has a wildcard inside a label, which no request is matched with; it is left out`,
        'write *.example.com, or the hosts one by one',
      );
      return [];
    }
    item.error(
      `${describe(host)} is not a host name`,
      'write host.example.com or *.example.com; a bare * is not allowed',
    );
    return [];
  });
  return [...new Set(hosts)];
}

function readAddresses(reader: FieldReader): readonly string[] {
  return reader.list().flatMap((item) => {
    const text = item.text();
    if (text === undefined) return [];
    if (parseCidr(text) !== null) return [text];
    item.error(`${describe(text)} is not an IP address or CIDR`, 'write 192.0.2.1 or 192.0.2.0/24');
    return [];
  });
}

function readPorts(reader: FieldReader): readonly ServiceEntryPort[] {
  const numbers = new Set<number>();
  const names = new Set<string>();
  return reader.list().flatMap((item) => {
    const fields = item.object(['number', 'name', 'protocol', 'targetPort']);
    const number = fields?.number.integer(1, 65_535);
    if (fields === null || number === undefined) {
      if (fields?.number.present === false) fields.number.error('is missing', 'give the port number');
      return [];
    }
    const name = fields.name.text() ?? '';
    if (numbers.has(number)) fields.number.error(`${number} is already taken`, 'give each port its own number');
    if (name === '') fields.name.error('is missing', 'name the port');
    else if (names.has(name)) fields.name.error(`${describe(name)} is already taken`, 'give each port its own name');
    if (numbers.has(number) || (name !== '' && names.has(name))) return [];
    numbers.add(number);
    names.add(name);
    const targetPort = fields.targetPort.integer(1, 65_535);
    const protocol = (fields.protocol.text() ?? '').toUpperCase();
    return [{ number, name, protocol, ...(targetPort !== undefined && { targetPort }) }];
  });
}

function readEndpoints(
  reader: FieldReader,
  resolution: Resolution,
  ports: readonly ServiceEntryPort[],
): readonly WorkloadEntrySpec[] {
  return reader.list().flatMap((item) => {
    const spec = readWorkloadEntrySpec(item);
    if (spec === null) return [];
    if (resolution === 'STATIC' && addressKindOf(spec.address) === 'host') {
      item.error(`${describe(spec.address)} is a host name`, 'use an IP address, or resolution DNS');
      return [];
    }
    for (const name of Object.keys(spec.ports)) {
      if (!ports.some((port) => port.name === name))
        item.error(`port ${describe(name)} is not one of spec.ports`, 'use the name of a port above');
    }
    return [spec];
  });
}

function checkTogether(fields: Readonly<Record<(typeof FIELDS)[number], FieldReader>>, spec: ServiceEntrySpec): void {
  const { resolution, endpoints, workloadSelector, addresses } = spec;
  const dns = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
  if (fields.endpoints.present && workloadSelector)
    fields.workloadSelector.error('is set beside endpoints', 'keep one of the two');
  if (resolution === 'NONE' && fields.endpoints.present && endpoints.length > 0) {
    fields.endpoints.error('has no meaning with resolution NONE', 'set resolution STATIC or DNS');
  }
  if (resolution === 'NONE' && workloadSelector)
    fields.workloadSelector.warn('has no meaning with resolution NONE', 'set resolution STATIC');
  if (dns && addresses.some((text) => text.includes('/') && parseIp(text) === null)) {
    fields.addresses.error('has a CIDR, which resolution DNS does not allow', 'use single addresses');
  }
  if (dns && endpoints.length === 0 && !workloadSelector && spec.hosts.some((host) => host.startsWith('*'))) {
    fields.hosts.error('has a wildcard, which DNS cannot resolve', 'add endpoints, or use resolution DYNAMIC_DNS');
  }
  if (dns && endpoints.length === 0 && !workloadSelector)
    for (const item of fields.hosts.list())
      if (parseIp(item.text() ?? '') !== null)
        item.error('is an address, which DNS cannot resolve', 'add endpoints, or use resolution STATIC');
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    fields.endpoints.error('has several entries, of which resolution DNS_ROUND_ROBIN allows one', 'use resolution DNS');
  }
}

function checkDynamicDns(
  fields: Readonly<Record<(typeof FIELDS)[number], FieldReader>>,
  spec: ServiceEntrySpec,
  labels: Readonly<Record<string, string>>,
): void {
  const waypoint = labels[LABEL_USE_WAYPOINT] ?? 'none';
  if (spec.location === 'MESH_INTERNAL' && waypoint !== 'none')
    fields.location.error(
      `is MESH_INTERNAL with resolution DYNAMIC_DNS and waypoint ${describe(waypoint)}`,
      'use MESH_EXTERNAL: what DNS finds has no identity in the mesh that a waypoint could ask for',
    );
  for (const item of fields.hosts.list())
    if (item.text()?.startsWith('*.') === false)
      item.error('has no wildcard', 'write *.example.com, or use resolution DNS');
  for (const name of ['addresses', 'endpoints'] as const)
    if (fields[name].list().length > 0)
      fields[name].error('is set with resolution DYNAMIC_DNS', 'remove it: the addresses come from DNS');
  spec.ports.forEach(({ protocol }, i) => {
    if (!DYNAMIC_PROTOCOLS.has(protocol))
      fields.ports
        .list()
        [i]?.field('protocol')
        .error(
          `${protocol === '' ? 'TCP' : protocol} cannot be used with resolution DYNAMIC_DNS`,
          `use ${[...DYNAMIC_PROTOCOLS].join(', ')}`,
        );
  });
}

/** A connection that does not name its host is told by its address. */
function checkAddresses(
  fields: Readonly<Record<(typeof FIELDS)[number], FieldReader>>,
  { hosts, ports, addresses, resolution }: ServiceEntrySpec,
  autoAllocates: boolean,
): void {
  const unnamed = ports.some(({ protocol }) => !NAMED_PROTOCOLS.has(protocol));
  if (!unnamed) return;
  if (hosts.length > 1 && addresses.length > 0)
    fields.hosts.warn('has several hosts for one address and a TCP port', 'make a ServiceEntry for each host');
  else if (hosts.length > 1 && resolution !== 'NONE')
    fields.hosts.error(
      'has several hosts and a port that is neither HTTP nor TLS',
      'make a ServiceEntry for each host',
    );
  if (addresses.length === 0 && !autoAllocates)
    fields.addresses.warn(
      'is missing for a TCP port, so that every connection to the port would be taken',
      'give an address, or remove the label networking.istio.io/enable-autoallocate-ip',
    );
}
