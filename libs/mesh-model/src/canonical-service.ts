import {
  LABEL_APP,
  LABEL_APP_NAME,
  LABEL_APP_VERSION,
  LABEL_CANONICAL_NAME,
  LABEL_CANONICAL_REVISION,
  LABEL_VERSION,
} from '@weft/mesh-api';

type Labels = Readonly<Record<string, string>>;

/** What telemetry calls the service that a workload belongs to. */
export function canonicalServiceOf(
  labels: Labels,
  workloadName: string,
): { canonicalName: string; canonicalRevision: string } {
  return {
    canonicalName: first(labels, [LABEL_CANONICAL_NAME, LABEL_APP_NAME, LABEL_APP]) ?? workloadName,
    canonicalRevision: first(labels, [LABEL_CANONICAL_REVISION, LABEL_APP_VERSION, LABEL_VERSION]) ?? 'latest',
  };
}

function first(labels: Labels, keys: readonly string[]): string | undefined {
  return keys.map((key) => labels[key]).find((value) => value !== undefined && value !== '');
}
