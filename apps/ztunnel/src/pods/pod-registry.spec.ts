import { workload } from '../testing/mesh-fixtures.js';
import { SlowPathRig } from '../testing/slow-path-rig.js';
import { PodRegistry } from './pod-registry.js';

const info = { name: 'a', namespace: 'shop', serviceAccount: 'a' };

describe('PodRegistry', () => {
  it('adds a pod with the identity of its workload and answers when the data plane serves it', async () => {
    const { pods, dataPlane, ...it } = new SlowPathRig();
    it.state.upsertWorkload(workload('a', '10.0.0.1', { trustDomain: 'td' }));
    expect(await pods.add('u1', info, 10)).toBeNull();
    expect(dataPlane.of('addPod')).toEqual([
      { type: 'addPod', podUid: 'u1', netnsFd: 10, podIps: ['10.0.0.1'], sourceIdentity: 'spiffe://td/ns/shop/sa/a' },
    ]);
  });

  it('guesses the identity of a pod that the control plane does not know, and corrects it', async () => {
    const it = new SlowPathRig();
    await it.pods.add('u1', info, 10);
    expect(it.dataPlane.of('addPod')[0]).toMatchObject({
      podIps: [],
      sourceIdentity: 'spiffe://cluster.local/ns/shop/sa/a',
    });
    it.push((state) => state.upsertWorkload(workload('a', '10.0.0.1', { trustDomain: 'td' })));
    it.push((state) => state.upsertWorkload(workload('a', '10.0.0.1', { trustDomain: 'td', capacity: 2 })));
    expect(it.dataPlane.of('updatePod')).toEqual([
      { type: 'updatePod', podUid: 'u1', podIps: ['10.0.0.1'], sourceIdentity: 'spiffe://td/ns/shop/sa/a' },
    ]);
  });

  it('removes a pod with its workload when no agent tells about removals any more, and not before', async () => {
    const it = new SlowPathRig();
    it.state.upsertWorkload(workload('a', '10.0.0.1'));
    it.state.upsertWorkload(workload('b', '10.0.0.2'));
    await it.pods.add('u1', info, 10);
    await it.pods.add('u2', { ...info, name: 'b', serviceAccount: 'b' }, 11);
    await it.pods.add('u3', { ...info, name: 'unknown' }, 12);
    it.push((state) => state.removeAddress('Kubernetes//Pod/shop/a'));
    expect(it.dataPlane.of('removePod')).toEqual([]);
    it.pods.drain();
    it.pods.followControlPlane();
    expect(it.dataPlane.of('removePod').map(({ podUid }) => podUid)).toEqual(['u1']);
    it.push((state) => state.removeAddress('Kubernetes//Pod/shop/b'));
    expect(it.dataPlane.of('removePod').map(({ podUid }) => podUid)).toEqual(['u1', 'u2']);
  });

  it('serves tunnels only to its own pod, which the agent cannot take away, and for which nobody waits', async () => {
    const it = new SlowPathRig();
    it.push((state) => state.upsertWorkload(workload('z', '10.0.0.9')));
    it.pods.addOwn({ name: 'z', namespace: 'shop', serviceAccount: 'z' }, 10);
    expect(it.dataPlane.of('addPod')).toEqual([
      expect.objectContaining({ podUid: 'ztunnel', listeners: 'hbone', podIps: ['10.0.0.9'] }),
    ]);
    it.pods.retain(new Set());
    expect(it.dataPlane.of('removePod')).toEqual([]);
    it.say({ type: 'podFailed', podUid: 'ztunnel', error: 'EADDRINUSE' });
    expect(it.pods.pending()).toEqual([]);
    it.askVerdict('ztunnel', '10.0.0.2:15020', 'spiffe://cluster.local/ns/shop/sa/prometheus');
    expect(it.dataPlane.of('inboundVerdict')[0]?.verdict).toMatchObject({
      kind: 'allow',
      dial: '10.0.0.2:15020',
      preserveSource: false,
    });
    await it.clock.advance(5000);
    expect(it.dataPlane.of('addPod')).toHaveLength(2);
  });

  it('answers the same pod and namespace again without a second start', async () => {
    const { pods, dataPlane } = new SlowPathRig();
    await pods.add('u1', info, 10);
    expect(await pods.add('u1', info, 10)).toBeNull();
    expect(dataPlane.of('addPod')).toHaveLength(1);
  });

  it('replaces a pod that comes with another namespace', async () => {
    const { pods, dataPlane } = new SlowPathRig();
    await pods.add('u1', info, 10);
    await pods.add('u1', info, 11);
    expect(dataPlane.sent.map(({ type }) => type)).toEqual(['addPod', 'removePod', 'addPod']);
  });

  it('reports a pod that cannot be started, keeps it pending and tries again every 5 s', async () => {
    const { pods, dataPlane, clock } = new SlowPathRig();
    dataPlane.failPods = 'bind 15008: EADDRINUSE';
    expect(await pods.add('u1', info, 10)).toBe('cannot serve pod shop/a: bind 15008: EADDRINUSE');
    expect(pods.pending()).toEqual(['u1']);
    await clock.advance(5000);
    expect(dataPlane.of('addPod')).toHaveLength(2);
    dataPlane.failPods = null;
    await clock.advance(5000);
    expect(pods.pending()).toEqual([]);
    expect(pods.get('u1')?.state).toBe('up');
    await clock.advance(60_000);
    expect(dataPlane.of('addPod')).toHaveLength(3);
  });

  it('starts a pending pod at once when the agent adds it again', async () => {
    const { pods, dataPlane } = new SlowPathRig();
    dataPlane.failPods = 'no';
    await pods.add('u1', info, 10);
    dataPlane.failPods = null;
    expect(await pods.add('u1', info, 10)).toBeNull();
  });

  it('reports a data plane that does not answer', async () => {
    const { pods, dataPlane, clock } = new SlowPathRig();
    dataPlane.say = () => undefined;
    const answer = pods.add('u1', info, 10);
    await clock.advance(4000);
    expect(await answer).toBe('cannot serve pod shop/a: the data plane did not answer within 4 s');
  });

  it('listens for DNS before the data plane is asked, and serves no pod where it cannot', async () => {
    const { state, clock, dataPlane, logs } = new SlowPathRig();
    const calls: string[] = [];
    let failure: string | null = 'bind 127.0.0.1 port 15053: EADDRINUSE';
    const pods = new PodRegistry({
      dataPlane,
      state,
      clock,
      log: logs.scope('inpod'),
      nodeName: 'n1',
      trustDomain: 'cluster.local',
      descriptors: { duplicate: (fd) => fd, close: () => undefined, identity: String },
      onChanged: () => undefined,
      dns: {
        addPod: (uid, fd) => {
          if (failure !== null) throw new Error(failure);
          calls.push(`add ${uid} ${fd}`);
        },
        removePod: (uid) => calls.push(`remove ${uid}`),
      },
    });
    dataPlane.say = (message) => (message.type === 'podAdded' ? pods.podAdded(message) : undefined);
    const refusal = 'cannot serve pod shop/a: DNS: bind 127.0.0.1 port 15053: EADDRINUSE';
    expect(await pods.add('u1', info, 10)).toBe(refusal);
    expect(await pods.add('u1', info, 10)).toBe(refusal);
    expect([pods.pending(), dataPlane.of('addPod')]).toEqual([['u1'], []]);
    failure = null;
    calls.length = 0;
    await clock.advance(5000);
    expect([calls, pods.get('u1')?.state]).toEqual([['add u1 10'], 'up']);
    pods.remove('u1');
    expect(calls).toEqual(['add u1 10', 'remove u1']);
  });

  it('forgets a removed pod, also one that is pending', async () => {
    const { pods, dataPlane, clock } = new SlowPathRig();
    dataPlane.failPods = 'no';
    await pods.add('u1', info, 10);
    pods.remove('u1');
    pods.remove('u1');
    await clock.advance(60_000);
    expect(dataPlane.of('addPod')).toHaveLength(1);
    expect(pods.get('u1')).toBeNull();
  });

  it('drops what a snapshot does not name', async () => {
    const { pods, dataPlane } = new SlowPathRig();
    await pods.add('u1', info, 10);
    await pods.add('u2', { ...info, name: 'b' }, 11);
    pods.retain(new Set(['u2', 'u3']));
    expect(dataPlane.of('removePod').map(({ podUid }) => podUid)).toEqual(['u1']);
  });

  it('refuses new pods while it drains, and still removes', async () => {
    const { pods, dataPlane } = new SlowPathRig();
    await pods.add('u1', info, 10);
    pods.drain();
    expect(await pods.add('u2', info, 11)).toBe('this ztunnel is draining');
    pods.remove('u1');
    expect(dataPlane.of('removePod')).toHaveLength(1);
  });
});
