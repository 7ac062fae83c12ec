import type { ConfigMap } from '@weft/kube';
import { toError } from '@weft/result';
import { parse } from 'yaml';
import { SCALING_KEY } from '../scaling/scaling-settings.js';
import { PLACEMENT_KEY } from './placement.js';

/** The objects that are made and may be customised, by the key of the ConfigMap, in the order in which they are needed. */
export const PARAMETER_KEYS = [
  'serviceAccount',
  'service',
  'deployment',
  'horizontalPodAutoscaler',
  'podDisruptionBudget',
] as const;
export type ParameterKey = (typeof PARAMETER_KEYS)[number];
/** Of a ConfigMap. */
export const KNOWN_KEYS: readonly string[] = [...PARAMETER_KEYS, SCALING_KEY, PLACEMENT_KEY];

/** Strategic merge patches, in the order in which they apply. */
export type Parameters = Readonly<Partial<Record<ParameterKey, readonly Readonly<Record<string, unknown>>[]>>>;

export interface ParametersProblem {
  readonly key: string;
  readonly problem: string;
}

/** Reads the patches of ConfigMaps, the first of which applies first. What cannot be read is left out and reported. */
export function readParameters(configMaps: readonly ConfigMap[]): {
  readonly parameters: Parameters;
  readonly problems: readonly ParametersProblem[];
} {
  const parameters: Partial<Record<ParameterKey, Readonly<Record<string, unknown>>[]>> = {};
  const problems: ParametersProblem[] = [];
  for (const { metadata, data } of configMaps) {
    for (const [key, text] of Object.entries(data ?? {})) {
      const where = `ConfigMap ${metadata?.namespace ?? ''}/${metadata?.name ?? ''}, key ${key}`;
      if (key === SCALING_KEY || key === PLACEMENT_KEY) continue;
      if (!isParameterKey(key)) {
        problems.push({ key: where, problem: `is not known; use ${KNOWN_KEYS.join(', ')}` });
        continue;
      }
      const patch = parsePatch(text);
      if (typeof patch === 'string') problems.push({ key: where, problem: patch });
      else if (patch !== null) (parameters[key] ??= []).push(patch);
    }
  }
  return { parameters, problems };
}

const isParameterKey = (key: string): key is ParameterKey => (PARAMETER_KEYS as readonly string[]).includes(key);

/** A string is the problem; null is an empty text. */
function parsePatch(text: string): Readonly<Record<string, unknown>> | string | null {
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 });
    if (value === null || value === undefined) return null;
    return typeof value === 'object' && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : 'is not a YAML object; write the fields to change';
  } catch (thrown) {
    return `is not YAML: ${toError(thrown).message.split('\n', 1)[0]!}`;
  }
}
