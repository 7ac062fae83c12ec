import { parseIp } from '@weft/ip';
import { describe, type FieldReader } from './field-reader.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import { LABEL_KEY, LABEL_VALUE } from './schema/format.js';

const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.?$/i;
const UNIX_PREFIX = 'unix://';
const PORT_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/i;

/** An endpoint outside Kubernetes: a WorkloadEntry, or one item of `ServiceEntry.endpoints`. */
export interface WorkloadEntrySpec {
  /** IP address, host name or `unix://` path; empty only together with `network`. */
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  /** `region/zone/subzone`, each part optional. */
  readonly locality: string;
  readonly weight?: number;
  readonly serviceAccount: string;
}

export type WorkloadEntry = ParsedResource<WorkloadEntrySpec>;

export function parseWorkloadEntry(object: unknown): WorkloadEntry {
  return parseResource(object, readWorkloadEntrySpec);
}

export type AddressKind = 'ip' | 'host' | 'unix' | 'none';

export function addressKindOf(address: string): AddressKind | 'invalid' {
  if (address === '') return 'none';
  if (address.startsWith(UNIX_PREFIX)) return 'unix';
  if (parseIp(address) !== null) return 'ip';
  return DNS_NAME.test(address) && !/^[\d.]+$/.test(address) ? 'host' : 'invalid';
}

/** Null when the address is unusable. */
export function readWorkloadEntrySpec(reader: FieldReader): WorkloadEntrySpec | null {
  const spec = readTemplateSpec(reader);
  const field = reader.object(FIELDS)?.address;
  if (spec === null || field === undefined) return null;
  const kind = addressKindOf(spec.address);
  const hasPorts = Object.keys(spec.ports).length > 0;
  if (kind === 'none') {
    if (spec.network === '') field.error('is missing', 'give an IP address or a host name');
    else field.warn('is missing', 'give one; without it only gateways of its network reach the workload');
    return spec.network === '' ? null : spec;
  }
  if (kind === 'invalid') {
    field.error(
      `${describe(spec.address)} is not an IP address or host name`,
      'write 192.0.2.1, 2001:db8::1 or host.example.com',
    );
    return null;
  }
  if (kind === 'unix' && (hasPorts || !spec.address.startsWith(`${UNIX_PREFIX}/`))) {
    field.error('is a unix path that has ports or is not absolute', 'write unix:///path and no ports');
    return null;
  }
  return spec;
}

const FIELDS = ['address', 'ports', 'labels', 'network', 'locality', 'weight', 'serviceAccount'] as const;

/** The same fields without a check of the address: the template of a WorkloadGroup has none. */
export function readTemplateSpec(reader: FieldReader): WorkloadEntrySpec | null {
  const fields = reader.object(FIELDS);
  if (fields === null) return null;
  const ports: Record<string, number> = {};
  for (const [name, item] of fields.ports.entries()) {
    const port = item.integer(1, 65_535);
    if (!PORT_NAME.test(name)) item.error('is not a port name', 'use letters, digits and dashes, such as http-web');
    else if (port !== undefined) ports[name] = port;
  }
  const weight = fields.weight.integer(0, 0xffff_ffff);
  return {
    address: fields.address.text() ?? '',
    ports,
    labels: readLabels(fields.labels),
    network: fields.network.text() ?? '',
    locality: fields.locality.text() ?? '',
    ...(weight !== undefined && { weight }),
    serviceAccount: fields.serviceAccount.text() ?? '',
  };
}

/** Labels of a workload; what Kubernetes would not take as a label is reported and left out. */
export function readLabels(reader: FieldReader): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const [key, item] of reader.entries()) {
    const value = item.text();
    if (value === undefined) continue;
    const badKey = LABEL_KEY.fault(key);
    const badValue = LABEL_VALUE.fault(value);
    if (badKey !== null) item.error(badKey, LABEL_KEY.cure);
    else if (badValue !== null) item.error(`${describe(value)} ${badValue}`, LABEL_VALUE.cure);
    else labels[key] = value;
  }
  return labels;
}
