import type { Workload } from './workload.js';

/** What a peer says about itself in the `baggage` header; only as good as the peer. */
export interface Baggage {
  readonly clusterId: string;
  readonly namespace: string;
  readonly workloadName: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly region: string;
  readonly zone: string;
}

/** Longest header that is looked at. */
const LONGEST_BAGGAGE = 8192;
/** W3C baggage-octet: what needs no encoding. */
const PLAIN_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;

export function formatBaggage(workload: Workload): string {
  const entries: readonly (readonly [string, string])[] = [
    ['k8s.cluster.name', workload.clusterId],
    ['k8s.namespace.name', workload.namespace],
    [`k8s.${workload.workloadType}.name`, workload.workloadName],
    ['service.name', workload.canonicalName],
    ['service.version', workload.canonicalRevision],
    ['cloud.region', workload.locality.region],
    ['cloud.availability_zone', workload.locality.zone],
  ];
  return entries
    .filter(([, value]) => PLAIN_VALUE.test(value))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** Reads one or more joined header lines; unknown keys are ignored, missing ones are empty. Never throws. */
export function parseBaggage(header: string): Baggage {
  const found = new Map<string, string>();
  for (const part of header.slice(0, LONGEST_BAGGAGE).split(',')) {
    const [key = '', value = ''] = part.split('=');
    if (value.trim() !== '') found.set(key.trim(), value.trim());
  }
  const get = (key: string) => found.get(key) ?? '';
  const workloadKey = ['deployment', 'cronjob', 'pod', 'job']
    .map((type) => `k8s.${type}.name`)
    .find((key) => found.has(key));
  return {
    clusterId: get('k8s.cluster.name'),
    namespace: get('k8s.namespace.name'),
    workloadName: workloadKey === undefined ? '' : get(workloadKey),
    canonicalName: get('service.name'),
    canonicalRevision: get('service.version'),
    region: get('cloud.region'),
    zone: get('cloud.availability_zone'),
  };
}
