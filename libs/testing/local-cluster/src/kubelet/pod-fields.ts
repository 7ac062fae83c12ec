import type { Pod } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';

export type Container = NonNullable<Pod['spec']>['containers'][number];

/** What a pod cannot know from its own object. */
export interface PodSurroundings {
  readonly nodeName: string;
  readonly hostIp: string;
  /** Empty until the sandbox is there. */
  readonly podIps: readonly string[];
  readonly nodeCpus: number;
  readonly nodeMemoryBytes: number;
}

const SUBSCRIPT = /^metadata\.(labels|annotations)\['([^']*)'\]$/;

/** The value of a downward API field path. */
export function podField(pod: Pod, path: string, around: PodSurroundings): Result<string, string> {
  const { metadata, spec } = pod;
  const subscript = SUBSCRIPT.exec(path);
  if (subscript !== null) return ok(metadata?.[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '');
  switch (path) {
    case 'metadata.name':
      return ok(metadata?.name ?? '');
    case 'metadata.namespace':
      return ok(metadata?.namespace ?? '');
    case 'metadata.uid':
      return ok(metadata?.uid ?? '');
    case 'metadata.labels':
    case 'metadata.annotations':
      return ok(formatMap(metadata?.[path === 'metadata.labels' ? 'labels' : 'annotations'] ?? {}));
    case 'spec.nodeName':
      return ok(around.nodeName);
    case 'spec.serviceAccountName':
      return ok(spec?.serviceAccountName ?? 'default');
    case 'status.hostIP':
    case 'status.hostIPs':
      return ok(around.hostIp);
    case 'status.podIP':
      return ok(around.podIps[0] ?? '');
    case 'status.podIPs':
      return ok(around.podIps.join(','));
    default:
      return err(`unsupported fieldPath ${JSON.stringify(path)}`);
  }
}

/** The files that the downward API makes of labels and annotations: `key="value"` lines in the order of the keys. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number; null if it is none. */
export function parseQuantity(text: string): number | null {
  const match = /^([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text.trim());
  return match === null ? null : Number(match[1]) * SUFFIXES[match[2] ?? '']!;
}

/** The value of a `resourceFieldRef`: limits and requests; a missing limit is what the node has. Rounded up to the divisor. */
export function resourceField(
  container: Container,
  resource: string,
  divisor: string | undefined,
  around: PodSurroundings,
): Result<string, string> {
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage)$/.exec(resource);
  if (match === null) return err(`unsupported resource ${JSON.stringify(resource)}`);
  const [, kind, name] = match as unknown as [string, 'limits' | 'requests', string];
  const stated = container.resources?.[kind]?.[name];
  const whole = name === 'cpu' ? around.nodeCpus : around.nodeMemoryBytes;
  const value = stated === undefined ? (kind === 'limits' ? whole : 0) : parseQuantity(stated);
  const unit = divisor === undefined || divisor === '0' ? 1 : parseQuantity(divisor);
  if (value === null || unit === null || unit === 0) return err(`unreadable quantity of ${resource}`);
  return ok(String(Math.ceil(value / unit - 1e-9)));
}
