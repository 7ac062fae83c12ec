import type { Pod } from '@weft/kube';
import { ordinalOf, planStateful, type StatefulStrategy } from './stateful-plan.js';

const NOW = Date.UTC(2026, 0, 1);
const strategy = (changes: Partial<StatefulStrategy> = {}): StatefulStrategy => ({
  start: 0,
  replicas: 3,
  partition: 0,
  onDelete: false,
  parallel: false,
  minReadySeconds: 0,
  currentRevision: 'old',
  updateRevision: 'new',
  ...changes,
});
const pod = (ordinal: number, revision: string, ready = true, deleting = false): [number, Pod] => [
  ordinal,
  {
    metadata: {
      name: `db-${ordinal}`,
      labels: { 'controller-revision-hash': revision },
      ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  },
];
const step = (pods: readonly [number, Pod][], changes: Partial<StatefulStrategy> = {}) => {
  const plan = planStateful(new Map(pods), strategy(changes), NOW);
  return {
    create: plan.create.map(({ ordinal, revision }) => `${ordinal} ${revision}`),
    delete: plan.delete.map(({ metadata }) => metadata!.name),
  };
};

describe('planStateful', () => {
  it('makes pods in order, each after its predecessor is available', () => {
    expect(step([])).toEqual({ create: ['0 new'], delete: [] });
    expect(step([pod(0, 'new', false)])).toEqual({ create: [], delete: [] });
    expect(step([pod(0, 'new')])).toEqual({ create: ['1 new'], delete: [] });
  });
  it('Parallel makes and removes all at once', () => {
    expect(step([], { parallel: true }).create).toEqual(['0 new', '1 new', '2 new']);
    expect(
      step([pod(0, 'new'), pod(1, 'new', false), pod(2, 'new')], { parallel: true, replicas: 0 }).delete,
    ).toHaveLength(3);
  });
  it('scales down from the highest ordinal, one after another', () => {
    expect(step([pod(0, 'new'), pod(1, 'new'), pod(2, 'new')], { replicas: 1 }).delete).toEqual(['db-2']);
    expect(step([pod(0, 'new'), pod(1, 'new'), pod(2, 'new', true, true)], { replicas: 1 }).delete).toEqual([]);
  });
  it('updates from the highest ordinal down, waiting for each', () => {
    expect(step([pod(0, 'old'), pod(1, 'old'), pod(2, 'old')]).delete).toEqual(['db-2']);
    expect(step([pod(0, 'old'), pod(1, 'old'), pod(2, 'new', false)]).delete).toEqual([]);
    expect(step([pod(0, 'old'), pod(1, 'old'), pod(2, 'new')]).delete).toEqual(['db-1']);
  });
  it('pods below the partition keep the old revision, also when they are made anew', () => {
    expect(step([pod(0, 'old'), pod(1, 'old'), pod(2, 'new')], { partition: 2 }).delete).toEqual([]);
    expect(step([pod(1, 'old'), pod(2, 'new')], { partition: 2 }).create).toEqual(['0 old']);
  });
  it('OnDelete waits for somebody else to delete', () => {
    expect(step([pod(0, 'old'), pod(1, 'old'), pod(2, 'old')], { onDelete: true }).delete).toEqual([]);
  });
});

describe('ordinalOf', () => {
  it.each([
    ['db-0', 0],
    ['db-12', 12],
    ['db-01', null],
    ['db-x', null],
    ['other-1', null],
    ['db', null],
  ])('%s', (name, ordinal) => expect(ordinalOf({ metadata: { name } }, 'db')).toBe(ordinal));
});
