import { describe, type FieldReader } from './field-reader.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import { HEADER_NAME } from './schema/format.js';
import { readLabels, readTemplateSpec, type WorkloadEntrySpec } from './workload-entry.js';

/** What WorkloadEntries made by auto-registration look like. */
export interface WorkloadGroupSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly template: WorkloadEntrySpec;
  /** Which kind of readiness check the machine runs; null if none is written. */
  readonly probe: 'httpGet' | 'tcpSocket' | 'exec' | 'grpc' | null;
}

export type WorkloadGroup = ParsedResource<WorkloadGroupSpec>;

const CHECKS = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;
const TIMINGS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

export function parseWorkloadGroup(object: unknown): WorkloadGroup {
  return parseResource(object, readSpec);
}

function readSpec(reader: FieldReader): WorkloadGroupSpec | null {
  const fields = reader.object(['metadata', 'template', 'probe']);
  if (fields === null) return null;
  const metadata = fields.metadata.object(['labels', 'annotations']);
  const probe = readProbe(fields.probe);
  if (!fields.template.present) {
    fields.template.error('is missing', 'write what the WorkloadEntries of the group have in common');
    return null;
  }
  const template = readTemplateSpec(fields.template);
  if (template === null) return null;
  if (template.address !== '')
    fields.template.warn('has an address, which is ignored', 'remove it: each machine brings its own');
  return {
    labels: metadata === null ? {} : readLabels(metadata.labels),
    annotations: metadata?.annotations.textMap() ?? {},
    template,
    probe,
  };
}

function readProbe(reader: FieldReader): WorkloadGroupSpec['probe'] {
  const fields = reader.object([...TIMINGS, ...CHECKS]);
  if (fields === null) return null;
  for (const name of TIMINGS) fields[name].integer(0, 0x7fff_ffff);
  checkHttpGet(fields.httpGet);
  checkPort(fields.tcpSocket.object(['host', 'port']));
  checkPort(fields.grpc.object(['port', 'service']));
  const exec = fields.exec.object(['command']);
  if (exec !== null && exec.command.texts().length === 0) exec.command.error('is empty', 'write the command to run');
  const given = CHECKS.filter((name) => fields[name].present);
  if (given.length !== 1) {
    reader.error(`has ${given.length} checks`, `write exactly one of ${CHECKS.join(', ')}`);
    return null;
  }
  return given[0]!;
}

function checkHttpGet(reader: FieldReader): void {
  const fields = reader.object(['path', 'port', 'host', 'scheme', 'httpHeaders']);
  if (fields === null) return;
  checkPort(fields);
  const scheme = fields.scheme.text() ?? '';
  if (!['', 'http', 'https'].includes(scheme.toLowerCase()))
    fields.scheme.error(`${describe(scheme)} is not a scheme`, 'use HTTP or HTTPS');
  for (const item of fields.httpHeaders.list()) {
    const header = item.object(['name', 'value']);
    const name = header?.name.text() ?? '';
    if (HEADER_NAME.fault(name) !== null)
      header?.name.error(name === '' ? 'is missing' : `${describe(name)} is not a header name`, HEADER_NAME.cure);
  }
}

function checkPort(fields: { readonly port: FieldReader } | null): void {
  if (fields === null) return;
  if (!fields.port.present) fields.port.error('is missing', 'give the port to ask');
  else fields.port.integer(1, 65_535);
}
