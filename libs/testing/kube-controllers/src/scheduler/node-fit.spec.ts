import type { Node, Pod } from '@weft/kube';
import { whyNot } from './node-fit.js';

const node = (changes: Partial<Node> = {}): Node => ({
  metadata: { name: 'n1', labels: { zone: 'a', size: '4' } },
  ...changes,
});
const pod = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => ({ spec: { containers: [], ...spec } });
const affinity = (key: string, operator: string, values?: string[]) =>
  pod({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }] }],
        },
      },
    },
  });

describe('whyNot', () => {
  it.each([
    ['a selector that matches', pod({ nodeSelector: { zone: 'a' } }), null],
    [
      'a selector that does not',
      pod({ nodeSelector: { zone: 'b' } }),
      "node(s) didn't match Pod's node affinity/selector",
    ],
    ['In', affinity('zone', 'In', ['a', 'b']), null],
    ['NotIn', affinity('zone', 'NotIn', ['a']), "node(s) didn't match Pod's node affinity/selector"],
    ['Gt', affinity('size', 'Gt', ['3']), null],
    ['DoesNotExist', affinity('gpu', 'DoesNotExist'), null],
    ['an unknown operator', affinity('zone', 'Like', ['a']), "node(s) didn't match Pod's node affinity/selector"],
  ])('%s', (_, wanted, reason) => expect(whyNot(wanted, node(), [])).toBe(reason));

  it('a taint needs a toleration, PreferNoSchedule does not', () => {
    const tainted = node({ spec: { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] } });
    expect(whyNot(pod(), tainted, [])).toBe('node(s) had untolerated taint {gpu: yes}');
    expect(whyNot(pod({ tolerations: [{ key: 'gpu', operator: 'Exists' }] }), tainted, [])).toBeNull();
    expect(whyNot(pod({ tolerations: [{ operator: 'Exists' }] }), tainted, [])).toBeNull();
    expect(whyNot(pod(), node({ spec: { taints: [{ key: 'gpu', effect: 'PreferNoSchedule' }] } }), [])).toBeNull();
    expect(whyNot(pod(), node({ spec: { unschedulable: true } }), [])).toBe('node(s) were unschedulable');
  });

  it('host ports, requests and the number of pods must fit', () => {
    const web = pod({ hostNetwork: true, containers: [{ name: 'm', ports: [{ containerPort: 80 }] }] });
    expect(whyNot(web, node(), [web])).toBe("node(s) didn't have free ports for the requested pod ports");
    const hungry = pod({ containers: [{ name: 'm', resources: { requests: { cpu: '600m' } } }] });
    const small = node({ status: { allocatable: { cpu: '1', pods: '2' } } });
    expect(whyNot(hungry, small, [])).toBeNull();
    expect(whyNot(hungry, small, [hungry])).toBe('Insufficient cpu');
    expect(whyNot(pod(), small, [pod(), pod()])).toBe('Too many pods');
  });
});
