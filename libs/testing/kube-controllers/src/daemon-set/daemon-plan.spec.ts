import type { Pod } from '@weft/kube';
import fc from 'fast-check';
import { planDaemons, type DaemonNode, type DaemonStrategy } from './daemon-plan.js';

const NOW = Date.UTC(2026, 0, 1);
const strategy = (changes: Partial<DaemonStrategy> = {}): DaemonStrategy => ({
  onDelete: false,
  maxUnavailable: 1,
  maxSurge: 0,
  minReadySeconds: 0,
  hash: 'new',
  ...changes,
});
const pod = (hash: string, ready: boolean, changes: { deleting?: boolean; phase?: string } = {}): Pod => ({
  metadata: {
    labels: { 'controller-revision-hash': hash },
    ...(changes.deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  status: { phase: changes.phase ?? 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const node = (name: string, ...pods: Pod[]): DaemonNode => ({ name, run: true, stay: true, pods });

describe('planDaemons', () => {
  it('makes a pod on each node that lacks one, but waits for the old one to be gone', () => {
    const plan = planDaemons(
      [node('a'), node('b', pod('new', true)), node('c', pod('new', false, { deleting: true }))],
      strategy(),
      NOW,
    );
    expect(plan).toEqual({ create: ['a'], delete: [] });
  });

  it('removes the pod of a node where it may not stay, keeps one where it only would not be started', () => {
    const [away, tolerated] = [pod('new', true), pod('new', true)];
    const nodes = [
      { name: 'a', run: false, stay: false, pods: [away] },
      { name: 'b', run: false, stay: true, pods: [tolerated] },
    ];
    expect(planDaemons(nodes, strategy(), NOW).delete).toEqual([away]);
  });

  it('replaces unavailable old pods at once and available ones as far as maxUnavailable allows', () => {
    const [broken, one, two] = [pod('old', false), pod('old', true), pod('old', true)];
    expect(planDaemons([node('a', broken), node('b', one), node('c', two)], strategy(), NOW).delete).toEqual([broken]);
    expect(planDaemons([node('b', one), node('c', two)], strategy(), NOW).delete).toEqual([one]);
  });

  it('OnDelete replaces nothing by itself', () => {
    expect(planDaemons([node('a', pod('old', true))], strategy({ onDelete: true }), NOW)).toEqual({
      create: [],
      delete: [],
    });
  });

  it('with maxSurge the old pod goes only when the new one is available', () => {
    const old = pod('old', true);
    const surge = strategy({ maxSurge: 1, maxUnavailable: 0 });
    expect(planDaemons([node('a', old), node('b', pod('old', true))], surge, NOW)).toEqual({
      create: ['a'],
      delete: [],
    });
    expect(planDaemons([node('a', old, pod('new', false))], surge, NOW)).toEqual({ create: [], delete: [] });
    expect(planDaemons([node('a', old, pod('new', true))], surge, NOW)).toEqual({ create: [], delete: [old] });
  });

  it('a failed pod is removed, then made anew', () => {
    const failed = pod('new', false, { phase: 'Failed' });
    expect(planDaemons([node('a', failed)], strategy(), NOW).delete).toEqual([failed]);
  });

  describe('properties', () => {
    it('a rolling update ends, and never leaves more nodes without an available pod than allowed', () => {
      const sizes = fc.record({
        nodes: fc.integer({ min: 1, max: 6 }),
        bound: fc.integer({ min: 1, max: 3 }),
        surge: fc.boolean(),
        order: fc.infiniteStream(fc.nat()),
      });
      fc.assert(
        fc.property(sizes, ({ nodes: count, bound, surge, order }) => {
          const rules = surge ? strategy({ maxSurge: bound, maxUnavailable: 0 }) : strategy({ maxUnavailable: bound });
          let nodes = Array.from({ length: count }, (_, i) => node(`n${i}`, pod('old', true)));
          const isReady = ({ status }: Pod) => status?.conditions?.[0]?.status === 'True';
          for (let step = 0; step < 100; step++) {
            const plan = planDaemons(nodes, rules, NOW);
            nodes = nodes.map((each) => ({
              ...each,
              pods: [
                ...each.pods.filter((one) => !plan.delete.includes(one)),
                ...plan.create.filter((name) => name === each.name).map(() => pod('new', false)),
              ],
            }));
            const without = nodes.filter(({ pods }) => !pods.some(isReady)).length;
            expect(without).toBeLessThanOrEqual(rules.maxUnavailable);
            const waiting = nodes.flatMap(({ pods }) => pods.filter((one) => !isReady(one)));
            const chosen = waiting[order.next().value! % Math.max(1, waiting.length)];
            if (chosen !== undefined) chosen.status!.conditions![0]!.status = 'True';
          }
          expect(
            nodes.every(
              ({ pods }) => pods.length === 1 && pods[0]!.metadata!.labels!['controller-revision-hash'] === 'new',
            ),
          ).toBe(true);
        }),
      );
    });
  });
});
