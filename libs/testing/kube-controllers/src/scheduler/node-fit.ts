import type { Node, Pod } from '@weft/kube';
import { parseQuantity } from '@weft/testing-kube-schema';

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];
type PodSpec = NonNullable<Pod['spec']>;
type NodeSelectorTerm = NonNullable<
  NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];
type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

/** Why a node cannot take a pod, in the words of kube-scheduler; null if it can. */
export function whyNot(pod: Pod, node: Node, onNode: readonly Pod[]): string | null {
  const spec = pod.spec ?? { containers: [] };
  if (!matchesNodeSelector(spec, node)) return "node(s) didn't match Pod's node affinity/selector";
  const taints: Taint[] = [...(node.spec?.taints ?? [])];
  if (node.spec?.unschedulable) taints.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });
  const taint = taints.find((each) => each.effect !== 'PreferNoSchedule' && !isTolerated(spec, each));
  if (taint?.key === 'node.kubernetes.io/unschedulable') return 'node(s) were unschedulable';
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  if (hostPorts(pod).some((port) => onNode.some((other) => hostPorts(other).includes(port)))) {
    return "node(s) didn't have free ports for the requested pod ports";
  }
  return lacks(pod, node, onNode);
}

export function isTolerated(spec: PodSpec, taint: Taint): boolean {
  return (spec.tolerations ?? []).some(
    ({ key, operator = 'Equal', value, effect }) =>
      (key === undefined || key === '' ? operator === 'Exists' : key === taint.key) &&
      (effect === undefined || effect === '' || effect === taint.effect) &&
      (operator === 'Exists' || (value ?? '') === (taint.value ?? '')),
  );
}

export function matchesNodeSelector(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata?.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, node));
}

/** A term without any requirement matches nothing. */
export function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  const name = node.metadata?.name;
  return (
    matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) => requirement.key === 'metadata.name' && holds(requirement, name))
  );
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function hostPorts({ spec }: Pod): string[] {
  return (spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP' }) => {
      const port = hostPort ?? (spec?.hostNetwork ? containerPort : undefined);
      return port === undefined ? [] : [`${protocol} ${port}`];
    }),
  );
}

function lacks(pod: Pod, node: Node, onNode: readonly Pod[]): string | null {
  const allocatable = node.status?.allocatable ?? {};
  const most = allocatable['pods'];
  if (most !== undefined && onNode.length + 1 > (parseQuantity(most) ?? Infinity)) return 'Too many pods';
  for (const resource of ['cpu', 'memory'] as const) {
    const requested = requests(pod, resource);
    const free = parseQuantity(allocatable[resource] ?? '');
    if (requested === 0 || free === undefined) continue;
    if (requested + onNode.reduce((sum, other) => sum + requests(other, resource), 0) > free)
      return `Insufficient ${resource}`;
  }
  return null;
}

function requests({ spec }: Pod, resource: string): number {
  return (spec?.containers ?? []).reduce(
    (sum, { resources }) => sum + (parseQuantity(resources?.requests?.[resource] ?? '') ?? 0),
    0,
  );
}
