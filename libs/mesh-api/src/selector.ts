import type { FieldReader } from './field-reader.js';

/** Selects by labels, all of which must be equal. Without any it selects everything in its scope. */
export interface WorkloadSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

/** Undefined if absent or without labels (which means the same); `field` is `matchLabels` or, for ServiceEntry, `labels`. */
export function readSelector(
  reader: FieldReader,
  field: 'matchLabels' | 'labels' = 'matchLabels',
): WorkloadSelector | undefined {
  const labels = reader.object([field])?.[field];
  if (labels === undefined) return undefined;
  const matchLabels = labels.textMap();
  for (const [key, value] of Object.entries(matchLabels)) {
    if (key === '') labels.error('has an empty label key', 'name the label');
    if (key.includes('*') || value.includes('*'))
      labels.error(`has a wildcard in ${key}`, 'selectors match whole values; list the labels');
  }
  if (Object.keys(matchLabels).length > 0) return { matchLabels };
  reader.warn(
    'selects by no label',
    'remove it, or name the labels of the workloads; as written it selects everything in its scope',
  );
  return undefined;
}

export function selectorMatches(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
