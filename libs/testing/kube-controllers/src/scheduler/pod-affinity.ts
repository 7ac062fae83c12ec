import type { Node, Pod } from '@weft/kube';
import { labelSelectorOf, matchesLabels } from '@weft/testing-kube-schema';

type Terms = NonNullable<
  NonNullable<
    NonNullable<NonNullable<Pod['spec']>['affinity']>['podAffinity']
  >['requiredDuringSchedulingIgnoredDuringExecution']
>;

export interface Placed {
  readonly pod: Pod;
  readonly node: Node;
}

/** Required pod affinity and anti-affinity, also the anti-affinity of pods that run already. */
export function podAffinityProblem(pod: Pod, node: Node, placed: readonly Placed[]): string | null {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const near = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const far = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const isFirst = (term: Terms[number]) =>
    matches(term, pod, pod) && !placed.some((other) => matches(term, pod, other.pod));
  if (!near.every((term) => isFirst(term) || anyNear(term, pod, node, placed)))
    return "node(s) didn't match pod affinity rules";
  if (far.some((term) => anyNear(term, pod, node, placed))) return "node(s) didn't match pod anti-affinity rules";
  const repelled = placed.some(({ pod: other, node: at }) =>
    (other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
      (term) => sameTopology(term.topologyKey, at, node) && matches(term, other, pod),
    ),
  );
  return repelled ? "node(s) didn't satisfy existing pods anti-affinity rules" : null;
}

const anyNear = (term: Terms[number], owner: Pod, node: Node, placed: readonly Placed[]): boolean =>
  placed.some(({ pod, node: at }) => sameTopology(term.topologyKey, at, node) && matches(term, owner, pod));

function sameTopology(key: string, a: Node, b: Node): boolean {
  const value = a.metadata?.labels?.[key];
  return value !== undefined && value === b.metadata?.labels?.[key];
}

function matches({ labelSelector, namespaces }: Terms[number], owner: Pod, other: Pod): boolean {
  const scope = namespaces === undefined || namespaces.length === 0 ? [owner.metadata?.namespace ?? ''] : namespaces;
  const selector = labelSelectorOf(labelSelector);
  return (
    scope.includes(other.metadata?.namespace ?? '') &&
    selector.ok &&
    matchesLabels(selector.value, other.metadata?.labels)
  );
}
