import { Registry } from 'prom-client';
import { KubeApiError, KubeConnectionError } from './errors.js';
import { setCondition, type Condition } from './conditions.js';
import { CONFIG_MAPS, EVENTS, PODS, type Pod } from './resources.js';
import { StatusWriter } from './status-writer.js';
import { InMemoryKube } from './testing/index.js';
import { until } from '@weft/testing-fixtures';

const pod = (name: string): Pod => ({
  metadata: { name, namespace: 'shop' },
  spec: { containers: [{ name: 'main' }] },
});

describe('KubeClient', () => {
  it('absence is a value: get gives null and delete gives false', async () => {
    const kube = new InMemoryKube().client();
    expect(await kube.get(PODS, 'shop', 'x')).toBeNull();
    expect(await kube.delete(PODS, 'shop', 'x')).toBe(false);
  });

  it('replace with an old resourceVersion is a conflict', async () => {
    const kube = new InMemoryKube().client();
    const created = await kube.create(CONFIG_MAPS, { metadata: { name: 'a', namespace: 'shop' }, data: { k: '1' } });
    await kube.replace(CONFIG_MAPS, { ...created, data: { k: '2' } });
    const failure = await kube
      .replace(CONFIG_MAPS, { ...created, data: { k: '3' } })
      .catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(KubeApiError);
    expect((failure as KubeApiError).conflict).toBe(true);
    expect((failure as KubeApiError).alreadyExists).toBe(false);
  });

  it('list reads all pages and gives each item its kind', async () => {
    const api = new InMemoryKube();
    api.react = ({ query }) =>
      query?.['continue'] === undefined
        ? { metadata: { resourceVersion: '7', continue: 'more' }, items: [pod('a')] }
        : { metadata: { resourceVersion: '7' }, items: [pod('b')] };
    const items = await api.client().list(PODS);
    expect(items.map(({ kind, metadata }) => `${kind!} ${metadata!.name!}`)).toEqual(['Pod a', 'Pod b']);
  });

  it('a TokenReview that does not confirm one of our audiences does not authenticate', async () => {
    const api = new InMemoryKube();
    api.react = () => ({ status: { authenticated: true, user: { username: 'u' }, audiences: ['other'] } });
    expect(await api.client().reviewToken('t', ['istio-ca'])).toMatchObject({ authenticated: false });
    api.react = () => ({
      status: { authenticated: true, user: { username: 'u', groups: ['g'] }, audiences: ['istio-ca'] },
    });
    expect(await api.client().reviewToken('t', ['istio-ca'])).toMatchObject({
      authenticated: true,
      username: 'u',
      groups: ['g'],
    });
    api.react = () => ({ status: { authenticated: false, error: 'expired' } });
    expect(await api.client().reviewToken('t', ['istio-ca'])).toEqual({ authenticated: false, error: 'expired' });
  });

  it('counts a repeated event in one object', async () => {
    const kube = new InMemoryKube().client({ component: 'tester' });
    const about = await kube.create(PODS, pod('a'));
    for (let i = 0; i < 3; i++) kube.event(about, 'Warning', 'Broken', 'it broke');
    kube.event(about, 'Normal', 'Fixed', 'it works');
    await kube.eventsWritten();
    const events = await kube.list(EVENTS, { namespace: 'shop' });
    expect(events.map(({ reason, count }) => [reason, count])).toEqual([
      ['Broken', 3],
      ['Fixed', 1],
    ]);
    expect(events[0]).toMatchObject({ involvedObject: { kind: 'Pod', name: 'a' }, source: { component: 'tester' } });
  });

  it('throttles an object that fires events all the time', async () => {
    const api = new InMemoryKube();
    const kube = api.client();
    for (let i = 0; i < 100; i++) kube.event({ ...pod('a'), kind: 'Pod' }, 'Warning', 'Noise', `number ${i}`);
    await kube.eventsWritten();
    expect(await kube.list(EVENTS)).toHaveLength(25);
  });
});

describe('metrics', () => {
  it('count requests by status and watches by how they went; two clients share one registry', async () => {
    const registry = new Registry();
    const api = new InMemoryKube();
    const [one, two] = [api.client({ registry }), api.client({ registry })];
    await one.get(PODS, 'shop', 'missing');
    await two.create(PODS, pod('a'));
    api.offline = new KubeConnectionError('connection refused');
    await expect(one.list(PODS)).rejects.toThrow('connection refused');
    api.offline = null;
    const informer = two.informer(PODS);
    await informer.start();
    await until(() => api.openWatches === 1, 'the watch is open');
    await informer.stop();
    const text = await registry.metrics();
    expect(text).toContain('kube_client_requests_total{method="GET",code="404"} 1');
    expect(text).toContain('kube_client_requests_total{method="POST",code="2xx"} 1');
    expect(text).toContain('kube_client_requests_total{method="GET",code="unreachable"} 1');
    expect(text).toContain('kube_client_watches_total{resource="pods",result="opened"} 1');
  });
});

describe('StatusWriter', () => {
  it('writes only the newest status, and not again what is written already', async () => {
    const api = new InMemoryKube();
    const kube = api.client();
    const object = await kube.create(PODS, pod('a'));
    const writer = new StatusWriter({ kube, type: PODS, fieldManager: 'test' });
    for (const phase of ['Pending', 'Running', 'Succeeded']) writer.set(object, { phase });
    await writer.start();
    await writer.idle();
    writer.set(object, { phase: 'Succeeded' });
    await writer.idle();
    const writes = api.requests.filter(({ method }) => method === 'PATCH');
    expect(writes).toHaveLength(1);
    expect(writes[0]).toMatchObject({
      path: '/api/v1/namespaces/shop/pods/a/status',
      query: { fieldManager: 'test', force: true },
    });
    expect((await kube.get(PODS, 'shop', 'a'))?.status).toEqual({ phase: 'Succeeded' });
    await writer.stop(AbortSignal.timeout(1000));
  });

  it('forgets an object that is gone', async () => {
    const api = new InMemoryKube();
    const kube = api.client();
    const object = await kube.create(PODS, pod('a'));
    await kube.delete(PODS, 'shop', 'a');
    const writer = new StatusWriter({ kube, type: PODS, fieldManager: 'test' });
    await writer.start();
    writer.set(object, { phase: 'Running' });
    await writer.idle();
    expect(api.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
    await writer.stop(AbortSignal.timeout(1000));
  });
});

describe('setCondition', () => {
  const ready: Condition = { type: 'Ready', status: 'True', reason: 'Fine', lastTransitionTime: 'then' };
  it('moves lastTransitionTime only when the status changes', () => {
    expect(setCondition([ready], { type: 'Ready', status: 'True', reason: 'Better' }, 'now')[0]).toEqual({
      ...ready,
      reason: 'Better',
    });
    expect(setCondition([ready], { type: 'Ready', status: 'False' }, 'now')[0]).toMatchObject({
      lastTransitionTime: 'now',
    });
  });
  it('gives the same array back when nothing changed', () => {
    const conditions = [ready];
    expect(setCondition(conditions, { type: 'Ready', status: 'True', reason: 'Fine' }, 'now')).toBe(conditions);
  });
});
