import { describe, type FieldReader } from './field-reader.js';
import { parseResource, type ParsedResource } from './parsed-resource.js';
import { readSelector, type WorkloadSelector } from './selector.js';

export const MTLS_MODES = ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] as const;
/** UNSET inherits: from the workload's mode for a port, then namespace, then mesh, then PERMISSIVE. */
export type MtlsMode = (typeof MTLS_MODES)[number];

export interface PeerAuthenticationSpec {
  readonly selector?: WorkloadSelector;
  readonly mode: MtlsMode;
  /** By port of the workload, ascending. */
  readonly portLevel: ReadonlyMap<number, MtlsMode>;
}

export type PeerAuthentication = ParsedResource<PeerAuthenticationSpec>;

/**
 * Reads a PeerAuthentication. A mode that cannot be read counts as STRICT, for the resource or the one port: the mesh fails
 * closed. The spec is null only when its selector cannot be told.
 */
export function parsePeerAuthentication(object: unknown): PeerAuthentication {
  return parseResource(object, readSpec);
}

function readSpec(reader: FieldReader): PeerAuthenticationSpec | null {
  const fields = reader.object(['selector', 'mtls', 'portLevelMtls']);
  if (fields === null) return null;
  const errorsBefore = reader.errorCount;
  const selector = readSelector(fields.selector);
  if (reader.errorCount > errorsBefore) return null;
  const portLevel = new Map<number, MtlsMode>();
  const ports = fields.portLevelMtls.entries();
  if (fields.portLevelMtls.present && ports.length === 0)
    fields.portLevelMtls.error('is empty', 'remove it, or name a port');
  if (ports.length > 0 && selector === undefined) {
    fields.portLevelMtls.error(
      'needs a selector and is ignored without one',
      'select the workloads whose ports these are',
    );
  }
  for (const [key, item] of ports) {
    const port = /^[1-9]\d{0,4}$/.test(key) ? Number(key) : 0;
    if (port < 1 || port > 65_535) item.error(`${describe(key)} is not a port`, 'use a number from 1 to 65535');
    else portLevel.set(port, readMode(item));
  }
  return {
    ...(selector && { selector }),
    mode: readMode(fields.mtls),
    portLevel: new Map([...portLevel].sort(([a], [b]) => a - b)),
  };
}

function readMode(reader: FieldReader): MtlsMode {
  if (!reader.present) return 'UNSET';
  const mode = reader.object(['mode'])?.mode;
  if (mode === undefined) return 'STRICT';
  return mode.present ? (mode.oneOf(MTLS_MODES) ?? 'STRICT') : 'UNSET';
}
