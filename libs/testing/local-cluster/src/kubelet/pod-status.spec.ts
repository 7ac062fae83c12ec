import type { Pod } from '@weft/kube';
import { phaseOf, podStatus, type PodFacts } from './pod-status.js';

type Status = PodFacts['statuses'][number];
const status = (state: object, more: Partial<Status> = {}): Status => ({
  name: 'c',
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const running = status({ running: {} }, { ready: true });
const facts = (more: Partial<PodFacts>): PodFacts => ({
  pod: {},
  hostIp: '172.30.0.11',
  podIps: ['10.244.1.2'],
  startTime: 'start',
  initStatuses: [],
  statuses: [running],
  initialized: true,
  ended: null,
  now: 'now',
  ...more,
});
const condition = (from: PodFacts, type: string) => podStatus(from).conditions?.find((one) => one.type === type);

describe('phase', () => {
  it.each<[string, Partial<PodFacts>]>([
    ['Pending', { initialized: false }],
    ['Pending', { statuses: [running, status({ waiting: { reason: 'ContainerCreating' } })] }],
    ['Running', { statuses: [running] }],
    [
      'Running',
      {
        statuses: [status({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState: { terminated: { exitCode: 1 } } })],
      },
    ],
    ['Running', { statuses: [status({ terminated: { exitCode: 1 } })] }],
    ['Succeeded', { ended: 'Succeeded' }],
  ])('%s', (wanted, more) => expect(phaseOf(facts(more))).toBe(wanted));
});

describe('conditions', () => {
  it('Ready needs every container, and says which are missing', () => {
    expect(condition(facts({}), 'Ready')).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: 'now' });
    expect(condition(facts({ statuses: [running, status({ waiting: {} }, { name: 'slow' })] }), 'Ready')).toMatchObject(
      {
        status: 'False',
        reason: 'ContainersNotReady',
        message: 'containers with unready status: [slow]',
      },
    );
  });

  it('Ready waits for readiness gates, whose conditions others write and we keep', () => {
    const pod = {
      spec: { readinessGates: [{ conditionType: 'gate' }] },
      status: { conditions: [{ type: 'gate', status: 'False' }] },
    } as Pod;
    expect(condition(facts({ pod }), 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    expect(condition(facts({ pod }), 'gate')).toEqual({ type: 'gate', status: 'False' });
  });

  it('an ended pod is not ready', () =>
    expect(condition(facts({ ended: 'Succeeded' }), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'PodCompleted',
    }));

  it('lastTransitionTime moves only with the status, and an old reason goes with the old status', () => {
    const conditions = [
      { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm', lastTransitionTime: 'then' },
    ];
    const pod = { status: { conditions } } as unknown as Pod;
    expect(condition(facts({ pod }), 'Ready')).toEqual({ type: 'Ready', status: 'True', lastTransitionTime: 'now' });
    expect(condition(facts({ pod, statuses: [status({ waiting: {} })] }), 'Ready')).toMatchObject({
      lastTransitionTime: 'then',
    });
  });
});
