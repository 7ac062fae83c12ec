import { openSync } from 'node:fs';
import type { Informer, InformerHandler, KubeObject, Namespace, Pod } from '@weft/kube';
import { createLogger } from '@weft/runtime';
import { FakeClock, until } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { EnrolmentMetrics } from './enrolment-metrics.js';
import { PodEnroller } from './pod-enroller.js';

class FakeInformer<T extends KubeObject> {
  readonly objects = new Map<string, T>();
  #handlers: InformerHandler<T>[] = [];
  get(_namespace: string | undefined, name: string): T | undefined {
    return this.objects.get(name);
  }
  list(): readonly T[] {
    return [...this.objects.values()];
  }
  on(handler: InformerHandler<T>): () => void {
    this.#handlers.push(handler);
    for (const object of this.list()) handler.added?.(object);
    return () => (this.#handlers = this.#handlers.filter((other) => other !== handler));
  }
  set(object: T): void {
    const name = object.metadata?.name ?? '';
    const old = this.objects.get(name);
    this.objects.set(name, object);
    for (const handler of this.#handlers)
      if (old === undefined) handler.added?.(object);
      else handler.updated?.(object, old);
  }
  delete(name: string): void {
    const old = this.objects.get(name)!;
    this.objects.delete(name);
    for (const handler of this.#handlers) handler.deleted?.(old);
  }
}

const namespace = (mode: string): Namespace => ({
  metadata: { name: 'shop', labels: { 'istio.io/dataplane-mode': mode } },
});
const pod = (
  overrides: { phase?: string; ip?: string; annotations?: Record<string, string>; uid?: string } = {},
): Pod =>
  ({
    metadata: { namespace: 'shop', name: 'web', uid: overrides.uid ?? 'u1', annotations: overrides.annotations ?? {} },
    spec: { serviceAccountName: 'web' },
    status: { phase: overrides.phase ?? 'Running', podIP: overrides.ip ?? '10.244.1.5' },
  }) as unknown as Pod;

function setUp() {
  const steps: string[] = [];
  const failing = new Set<string>();
  const pods = new FakeInformer<Pod>();
  const namespaces = new FakeInformer<Namespace>();
  const clock = new FakeClock();
  const step = (name: string): Promise<void> => {
    steps.push(name);
    return failing.has(name.split(' ')[0]!) ? Promise.reject(new Error(`${name} failed`)) : Promise.resolve();
  };
  const enroller = new PodEnroller({
    config: { excludedNamespaces: new Set(), families: [4], probeSources: {}, dnsCapture: false },
    kube: {
      patch: ((
        _type: unknown,
        _namespace: unknown,
        _name: unknown,
        body: { metadata: { annotations: Record<string, string | null> } },
      ) => step(`annotate ${String(body.metadata.annotations['ambient.istio.io/redirection'])}`)) as never,
      event: (_object, _type, reason, message) => void steps.push(`event ${reason}: ${message}`),
    },
    pods: pods as unknown as Informer<Pod>,
    namespaces: namespaces as unknown as Informer<Namespace>,
    redirection: {
      holds: () => Promise.resolve(false),
      install: () => step('rules in'),
      passNew: () => step('new connections pass'),
      remove: () => step('rules out'),
    },
    probes: { add: ({ text }) => step(`probe in ${text}`), remove: ({ text }) => step(`probe out ${text}`) },
    finder: {
      find: () => (failing.has('find') ? null : openSync('/proc/self/ns/net', 'r')),
      openIfHolds: () => (failing.has('find') ? null : openSync('/proc/self/ns/net', 'r')),
      isSame: (path) => path === '/run/netns/web',
    },
    zds: () => ({ add: ({ uid }) => step(`ztunnel in ${uid}`), remove: (uid) => step(`ztunnel out ${uid}`) }),
    clock,
    metrics: new EnrolmentMetrics(new Registry()),
    log: createLogger('enrolment', 'silent'),
  });
  const happened = (want: readonly string[]): Promise<void> =>
    until(() => want.every((one) => steps.includes(one)), `${want.join(', ')} happened`);
  return { steps, failing, pods, namespaces, clock, enroller, happened };
}

describe('a running pod', () => {
  it('whose namespace joins: ztunnel listens, then the rules, then the world is told', async () => {
    const { steps, pods, namespaces, enroller, happened } = setUp();
    namespaces.set(namespace('none'));
    pods.set(pod());
    await enroller.start();
    namespaces.set(namespace('ambient'));
    await happened(['annotate enabled']);
    expect(steps).toEqual(['ztunnel in u1', 'rules in', 'probe in 10.244.1.5', 'annotate enabled']);
    await enroller.stop();
  });

  it('whose namespace leaves: the world is told, new connections pass by, ztunnel drops the rest, the rules go last', async () => {
    const { steps, pods, namespaces, enroller, happened, clock } = setUp();
    namespaces.set(namespace('ambient'));
    pods.set(pod());
    await enroller.start();
    steps.length = 0;
    namespaces.set(namespace('none'));
    await happened(['annotate null']);
    expect(steps).toEqual(['annotate null']);
    await until(() => clock.pendingTimers === 1, 'the grace period runs');
    await clock.advance(1000);
    await happened(['new connections pass']);
    expect(steps).toEqual(['annotate null', 'new connections pass']);
    await until(() => clock.pendingTimers === 1, 'connections may end by themselves');
    await clock.advance(1000);
    await happened(['rules out']);
    expect(steps.slice(2)).toEqual(['probe out 10.244.1.5', 'ztunnel out u1', 'rules out']);
    await enroller.stop();
  });

  it('that ends: nothing is done inside a namespace that is gone', async () => {
    const { steps, pods, namespaces, enroller, happened } = setUp();
    namespaces.set(namespace('ambient'));
    pods.set(pod());
    await enroller.start();
    steps.length = 0;
    pods.delete('web');
    await happened(['ztunnel out u1']);
    expect(steps).toEqual(['probe out 10.244.1.5', 'ztunnel out u1']);
    await enroller.stop();
  });

  it('whose network is taken away leaves ztunnel while it still has it, once, and joins no more', async () => {
    const { steps, enroller, namespaces, pods, happened } = setUp();
    namespaces.set(namespace('ambient'));
    pods.set(pod());
    await enroller.start();
    await happened(['annotate enabled']);
    steps.length = 0;
    await enroller.leave('shop', 'web', '/run/netns/of-its-former-sandbox');
    expect(steps).toEqual([]);
    await enroller.leave('shop', 'web', '/run/netns/web');
    expect(steps).toEqual(['probe out 10.244.1.5', 'ztunnel out u1']);
    expect([...enroller.entries()]).toEqual([]);
    await enroller.leave('shop', 'web', '/run/netns/web');
    pods.set(pod({ annotations: { changed: 'yes' } }));
    pods.delete('web');
    pods.set(pod({ uid: 'u2' }));
    await happened(['ztunnel in u2']);
    expect(steps.filter((step) => step.startsWith('ztunnel') || step.startsWith('event'))).toEqual([
      'ztunnel out u1',
      'ztunnel in u2',
    ]);
    await enroller.stop();
  });

  it('stays as it was while ztunnel is away, with an event that says so, and joins when it is back', async () => {
    const { steps, failing, pods, namespaces, enroller, happened } = setUp();
    failing.add('ztunnel');
    namespaces.set(namespace('ambient'));
    pods.set(pod());
    await enroller.start();
    expect(steps).toContain('event EnrolmentFailed: ztunnel in u1 failed');
    expect(steps).not.toContain('rules in');
    failing.clear();
    await happened(['annotate enabled']);
    await enroller.stop();
  });

  it('whose namespace is not found on the node gets an event that names the address', async () => {
    const { steps, failing, pods, namespaces, enroller } = setUp();
    failing.add('find');
    namespaces.set(namespace('ambient'));
    pods.set(pod());
    await enroller.start();
    expect(steps).toContain('event EnrolmentFailed: no network namespace on this node holds 10.244.1.5');
    await enroller.stop();
  });
});

describe('a new pod', () => {
  it('is captured first and may start only when ztunnel serves it', async () => {
    const { steps, namespaces, enroller } = setUp();
    namespaces.set(namespace('ambient'));
    expect(await enroller.enrolNew(pod(), '/run/netns/x', ['10.244.1.5'])).toBe(true);
    expect(steps).toEqual(['rules in', 'probe in 10.244.1.5', 'ztunnel in u1']);
    await enroller.stop();
  });
  it.each(['rules', 'ztunnel', 'find'])('does not start when %s fails, and nothing of it is kept', async (what) => {
    const { failing, namespaces, enroller } = setUp();
    failing.add(what);
    namespaces.set(namespace('ambient'));
    await expect(enroller.enrolNew(pod(), '/run/netns/x', ['10.244.1.5'])).rejects.toThrow();
    expect([...enroller.entries()]).toEqual([]);
    await enroller.stop();
  });
  it('outside the mesh is not touched', async () => {
    const { steps, namespaces, enroller } = setUp();
    namespaces.set(namespace('none'));
    expect(await enroller.enrolNew(pod(), '/run/netns/x', ['10.244.1.5'])).toBe(false);
    expect(steps).toEqual([]);
    await enroller.stop();
  });
});
