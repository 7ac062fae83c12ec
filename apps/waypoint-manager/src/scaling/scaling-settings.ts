import type { ConfigMap } from '@weft/kube';
import { toError } from '@weft/result';
import { parse } from 'yaml';

export const ANNOTATION_SCALING = 'weft.io/scaling';
/** Of the ConfigMaps that `parametersRef` and class defaults name. */
export const SCALING_KEY = 'scaling';

/** How one Gateway's proxies are scaled. */
export interface ScalingSettings {
  /** The last proxy goes when nothing came for `idleMs`. */
  readonly toZero: boolean;
  readonly idleMs: number;
  /** Null: the number of proxies is left alone, but for going to zero and coming back. */
  readonly byLoad: LoadScaling | null;
}

export interface LoadScaling {
  readonly min: number;
  readonly max: number;
  /** What one proxy is meant to carry; the largest demand of the three decides. */
  readonly requestsPerSecond: number;
  readonly connections: number;
  /** CPUs. */
  readonly cpu: number;
  /** Fewer proxies only when fewer were enough for so long. */
  readonly quietMs: number;
}

const DEFAULTS = {
  toZero: false,
  idleTimeout: '5m',
  minReplicas: 1,
  requestsPerSecond: 1000,
  connections: 5000,
  cpu: 1,
  quietTime: '5m',
};
const KNOWN = [...Object.keys(DEFAULTS), 'maxReplicas'];
const MOST_REPLICAS = 1000;

/** Off unless asked for. Later sources win, field by field: class defaults, the Gateway's ConfigMap, its annotation. */
export function readScaling(
  configMaps: readonly ConfigMap[],
  annotation: string | undefined,
): { readonly settings: ScalingSettings; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const fields: Record<string, unknown> = {};
  for (const { metadata, data } of configMaps) {
    const where = `ConfigMap ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}, key ${SCALING_KEY}`;
    Object.assign(fields, fieldsOf(data?.[SCALING_KEY], where, problems));
  }
  Object.assign(fields, fieldsOf(annotation, `metadata.annotations[${ANNOTATION_SCALING}]`, problems));
  const read = new FieldReader({ ...DEFAULTS, ...fields }, problems);
  const max =
    fields['maxReplicas'] === undefined ? null : read.number('maxReplicas', { least: 1, most: MOST_REPLICAS });
  const min = read.number('minReplicas', { least: 1, most: MOST_REPLICAS });
  if (max !== null && max < min) problems.push(`maxReplicas: ${max} is less than minReplicas ${min}`);
  const byLoad = {
    min,
    max: Math.max(min, max ?? 1),
    requestsPerSecond: read.number('requestsPerSecond', { least: 1, most: 1e9 }),
    connections: read.number('connections', { least: 1, most: 1e9 }),
    cpu: read.cpus('cpu'),
    quietMs: read.durationMs('quietTime'),
  };
  const settings = {
    toZero: read.flag('toZero'),
    idleMs: read.durationMs('idleTimeout'),
    byLoad: max === null ? null : byLoad,
  };
  return { settings, problems };
}

function fieldsOf(text: string | undefined, where: string, problems: string[]): Record<string, unknown> {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 });
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push(`${where}: is not a YAML object; write fields such as toZero: true`);
      return {};
    }
    const fields = value as Record<string, unknown>;
    const unknown = Object.keys(fields).filter((key) => !KNOWN.includes(key));
    if (unknown.length > 0) problems.push(`${where}: ${unknown.join(', ')} is not known; use ${KNOWN.join(', ')}`);
    return Object.fromEntries(Object.entries(fields).filter(([key]) => KNOWN.includes(key)));
  } catch (thrown) {
    problems.push(`${where}: is not YAML: ${toError(thrown).message.split('\n', 1)[0]!}`);
    return {};
  }
}

const DURATION = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A field that cannot be read has its default, and is a problem. */
class FieldReader {
  constructor(
    private readonly fields: Readonly<Record<string, unknown>>,
    private readonly problems: string[],
  ) {}

  flag(key: keyof typeof DEFAULTS): boolean {
    const value = this.fields[key];
    if (typeof value === 'boolean') return value;
    return this.#bad(key, 'want true or false', false);
  }

  number(key: string, { least, most }: { readonly least: number; readonly most: number }): number {
    const value = this.fields[key];
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    return this.#bad(key, `want a whole number from ${least} to ${most}`, defaultOf(key));
  }

  /** `500m` or a number of CPUs. */
  cpus(key: string): number {
    const value = this.fields[key];
    const milli = typeof value === 'string' ? /^(\d{1,6})m$/.exec(value) : null;
    const cpus = milli === null ? Number(value) : Number(milli[1]) / 1000;
    if (Number.isFinite(cpus) && cpus > 0) return cpus;
    return this.#bad(key, 'want CPUs, such as 500m or 1', defaultOf(key));
  }

  durationMs(key: keyof typeof DEFAULTS): number {
    const [, count, unit = ''] = DURATION.exec(String(this.fields[key])) ?? [];
    if (count !== undefined) return Math.round(Number(count) * UNIT_MS[unit]!);
    const [, usual, usualUnit = ''] = DURATION.exec(String(DEFAULTS[key]))!;
    return this.#bad(key, 'want a duration such as 90s or 5m', Number(usual) * UNIT_MS[usualUnit]!);
  }

  #bad<T>(key: string, want: string, instead: T): T {
    this.problems.push(`scaling ${key}: ${JSON.stringify(this.fields[key])} cannot be used; ${want}`);
    return instead;
  }
}

function defaultOf(key: string): number {
  const value = (DEFAULTS as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'number' ? value : 1;
}
