import * as dnsPacket from 'dns-packet';
import { parseIp } from '@weft/ip';
import { FakeClock } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { MeshState } from '../state/mesh-state.js';
import type { Workload } from '../state/workload.js';
import { service, workload } from '../testing/mesh-fixtures.js';
import { DnsMetrics } from './dns-metrics.js';
import { DnsProxy, type OnDnsMessage } from './dns-proxy.js';
import type { UpstreamHandlers } from './upstream-exchange.js';

const encode = (name: string, id = 1) =>
  dnsPacket.encode({ type: 'query', id, questions: [{ type: 'A', name, class: 'IN' }] });

function rig() {
  const clock = new FakeClock();
  const state = new MeshState();
  state.upsertService(service('web', '10.96.0.1'));
  const workloads = new Map<string, Workload>([['one', workload('one', '10.0.0.1')]]);
  const lines: object[] = [];
  const upstream: { query: Buffer; handlers: UpstreamHandlers }[] = [];
  const clients = new Map<string, OnDnsMessage>();
  const closed: number[] = [];
  const proxy = new DnsProxy({
    view: state,
    settings: { clusterDomain: 'cluster.local', ipv6: true, preferredNamespace: null },
    clock,
    metrics: new DnsMetrics(new Registry()),
    log: { isLevelEnabled: () => true, debug: (fields) => void lines.push(fields) },
    nameservers: () => [parseIp('10.96.0.10')!],
    workloadOf: (uid) => workloads.get(uid) ?? null,
    listen: (fd, onMessage) => {
      if (fd < 0) throw new Error('EADDRINUSE');
      clients.set(String(fd), onMessage);
      return {
        connect: (_ip, _transport, handlers) => ({
          send: (query) => upstream.push({ query, handlers }),
          close: () => undefined,
        }),
        close: () => closed.push(fd),
      };
    },
    onStarted: () => undefined,
    random: () => 0,
  });
  const answers: Buffer[] = [];
  const ask = (fd: number, message: Buffer) => clients.get(String(fd))!(message, 'udp', (it) => answers.push(it));
  const rcodes = () => answers.map((it) => it[3]! & 15);
  return { clock, proxy, workloads, lines, upstream, closed, answers, ask, rcodes };
}

describe('DnsProxy', () => {
  it('a pod whose workload is not known yet is answered when it comes', () => {
    const { proxy, ask, answers, workloads } = rig();
    proxy.addPod('two', 2);
    ask(2, encode('web.shop'));
    expect(answers).toHaveLength(0);
    workloads.set('two', workload('two', '10.0.0.2'));
    proxy.podsChanged();
    expect(dnsPacket.decode(answers[0]!).answers).toMatchObject([{ data: '10.96.0.1' }]);
  });

  it('unknown client: SERVFAIL, also for what would be forwarded', async () => {
    const { proxy, ask, rcodes, clock, upstream, lines } = rig();
    proxy.addPod('two', 2);
    ask(2, encode('web.shop'));
    ask(2, encode('example.org'));
    await clock.advance(2000);
    expect([rcodes(), upstream.length]).toEqual([[2, 2], 0]);
    expect(lines[0]).toMatchObject({ 'src.workload': 'unknown', result: 'unknown source' });
  });

  it('a pod has 256 queries waiting at most, and the others do not notice', () => {
    const { proxy, ask, rcodes, upstream, workloads } = rig();
    workloads.set('two', workload('two', '10.0.0.2'));
    proxy.addPod('one', 1);
    proxy.addPod('two', 2);
    for (let i = 0; i < 300; i++) ask(1, encode(`n${i}.org`, i));
    expect([upstream.length, rcodes()]).toEqual([256, new Array(44).fill(2)]);
    ask(2, encode('other.org'));
    expect(upstream).toHaveLength(257);
    upstream[0]!.handlers.failed('ECONNREFUSED');
    ask(1, encode('again.org'));
    expect(upstream).toHaveLength(258);
  });

  it('so many wait for the workload of their pod, too', () => {
    const { proxy, ask, rcodes } = rig();
    proxy.addPod('two', 2);
    for (let i = 0; i < 258; i++) ask(2, encode('web.shop', i));
    expect(rcodes()).toEqual([2, 2]);
  });

  it('a removed pod gets no answer any more, and its place is free', async () => {
    const { proxy, ask, answers, upstream, clock, closed } = rig();
    proxy.addPod('one', 1);
    proxy.addPod('two', 2);
    ask(1, encode('example.org'));
    ask(2, encode('web.shop'));
    proxy.removePod('one');
    proxy.removePod('two');
    proxy.removePod('two');
    upstream[0]!.handlers.failed('closed');
    await clock.advance(10_000);
    expect([answers, closed, clock.pendingTimers]).toEqual([[], [1, 2], 0]);
  });

  it('a pod that cannot be listened in is not there; added twice it is there once', async () => {
    const { proxy, closed } = rig();
    expect(() => proxy.addPod('one', -1)).toThrow('EADDRINUSE');
    proxy.addPod('one', 1);
    proxy.addPod('one', 5);
    await proxy.stop();
    expect(closed).toEqual([1]);
  });

  it('noise is not answered, what cannot be read is FORMERR', () => {
    const { proxy, ask, rcodes } = rig();
    proxy.addPod('one', 1);
    ask(1, Buffer.from('x'));
    ask(1, Buffer.alloc(12));
    expect(rcodes()).toEqual([1]);
  });
});
