import type { Node, Pod } from '@weft/kube';
import type { PodTemplate } from '../model/pod-writer.js';
import { isTolerated, matchesNodeSelector } from '../scheduler/node-fit.js';

type PodSpec = NonNullable<Pod['spec']>;
type Toleration = NonNullable<PodSpec['tolerations']>[number];

const exists = (key: string, effect: string): Toleration => ({ key, operator: 'Exists', effect });

/** Troubles of a node that a daemon must outlive, as every DaemonSet pod gets them. */
function daemonTolerations(hostNetwork: boolean): Toleration[] {
  return [
    exists('node.kubernetes.io/not-ready', 'NoExecute'),
    exists('node.kubernetes.io/unreachable', 'NoExecute'),
    exists('node.kubernetes.io/disk-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/memory-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/pid-pressure', 'NoSchedule'),
    exists('node.kubernetes.io/unschedulable', 'NoSchedule'),
    ...(hostNetwork ? [exists('node.kubernetes.io/network-unavailable', 'NoSchedule')] : []),
  ];
}

/** The template bound to one node: by node affinity, so that the scheduler places the pod and checks that it fits. */
export function templateForNode(template: PodTemplate, node: string): PodTemplate {
  const spec = structuredClone(template.spec ?? { containers: [] });
  const field = { key: 'metadata.name', operator: 'In', values: [node] };
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [
    {},
  ];
  const nodeSelectorTerms = required.map((term) => ({ ...term, matchFields: [field] }));
  const nodeAffinity = {
    ...spec.affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
  };
  const missing = daemonTolerations(spec.hostNetwork === true).filter(
    ({ key, effect }) => !spec.tolerations?.some((each) => each.key === key && each.effect === effect),
  );
  return {
    ...template,
    spec: {
      ...spec,
      affinity: { ...spec.affinity, nodeAffinity },
      tolerations: [...(spec.tolerations ?? []), ...missing],
    },
  };
}

/** The node that a daemon pod is for, bound or not. */
export function targetNode({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.flatMap(({ matchFields = [] }) => matchFields).find(({ key }) => key === 'metadata.name')?.values?.[0];
}

/** Whether a daemon belongs on the node, and whether one that runs there may stay. */
export function belongsOn(template: PodTemplate, node: Node): { run: boolean; stay: boolean } {
  const spec = templateForNode(template, node.metadata?.name ?? '').spec ?? { containers: [] };
  const taints = node.spec?.taints ?? [];
  const selected = matchesNodeSelector(spec, node);
  const untolerated = (effects: readonly string[]) =>
    taints.some((taint) => effects.includes(taint.effect) && !isTolerated(spec, taint));
  return { run: selected && !untolerated(['NoSchedule', 'NoExecute']), stay: selected && !untolerated(['NoExecute']) };
}
