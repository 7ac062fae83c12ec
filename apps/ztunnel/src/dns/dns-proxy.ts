import { randomInt } from 'node:crypto';
import type { IpAddress } from '@weft/ip';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import { LocalWorkloadWait } from '../local-workload-wait.js';
import type { Workload } from '../state/workload.js';
import type { DnsMetrics, DnsRequest } from './dns-metrics.js';
import { typeName } from './dns-metrics.js';
import { CLASS_IN, parseMessage, rcodes, TYPE_A, TYPE_AAAA, type DnsQuery } from './dns-message.js';
import { encodeAnswer, encodeFailure, encodeRefusal, type DnsAnswer, type DnsTransport } from './encode-answer.js';
import { resolveName, type NameSettings, type NamesView } from './resolve-name.js';
import { UpstreamExchange, type ConnectUpstream } from './upstream-exchange.js';

export type OnDnsMessage = (message: Buffer, transport: DnsTransport, reply: (answer: Buffer) => void) => void;

export interface DnsProxyOptions {
  readonly view: NamesView;
  readonly settings: NameSettings;
  readonly clock: Clock;
  readonly metrics: DnsMetrics;
  readonly log: { isLevelEnabled(level: string): boolean; debug(fields: object, message: string): void };
  readonly nameservers: () => readonly IpAddress[];
  readonly workloadOf: (podUid: string) => Workload | null;
  /** Opens the pod's listeners; throws if they cannot be. `netnsFd` is borrowed for the call. */
  readonly listen: (netnsFd: number, onMessage: OnDnsMessage) => PodSockets;
  readonly onStarted: () => void;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** What the proxy has in a pod's network namespace. */
export interface PodSockets {
  readonly connect: ConnectUpstream;
  close(): void;
}

interface PodDns {
  readonly uid: string;
  readonly sockets: PodSockets;
  readonly exchanges: Set<UpstreamExchange>;
  /** Queries without an answer yet. */
  waiting: number;
}

/** A pod that asks without end gets SERVFAIL, and the others their share of descriptors. */
const MAX_WAITING_PER_POD = 256;
const MAX_WAITING = 4096;
/** Less than any client waits. */
const LOCAL_WORKLOAD_WAIT_MS = 2000;

/**
 * Answers the DNS queries of pods: addresses of the mesh's services by itself, everything else exactly as the nameservers do,
 * which are asked from inside of the pod.
 */
export class DnsProxy implements Service {
  readonly name = 'DNS proxy';
  readonly #pods = new Map<string, PodDns>();
  readonly #localWorkload: LocalWorkloadWait;
  readonly #random: () => number;
  #waiting = 0;

  constructor(private readonly options: DnsProxyOptions) {
    this.#localWorkload = new LocalWorkloadWait(options.clock, LOCAL_WORKLOAD_WAIT_MS, options.workloadOf);
    this.#random = options.random ?? Math.random;
  }

  start(): Promise<void> {
    this.options.onStarted();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const uid of [...this.#pods.keys()]) this.removePod(uid);
    return Promise.resolve();
  }

  /** Throws if the pod cannot be listened in. Adding a known pod does nothing. */
  addPod(uid: string, netnsFd: number): void {
    if (this.#pods.has(uid)) return;
    const sockets = this.options.listen(netnsFd, (message, transport, reply) =>
      this.#take(pod, message, transport, reply),
    );
    const pod: PodDns = { uid, sockets, exchanges: new Set(), waiting: 0 };
    this.#pods.set(uid, pod);
  }

  removePod(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#pods.delete(uid);
    for (const exchange of pod.exchanges) exchange.abort();
    this.#waiting -= pod.exchanges.size;
    pod.exchanges.clear();
    pod.sockets.close();
  }

  /** The workloads of pods may be known now. */
  podsChanged(): void {
    this.#localWorkload.check();
  }

  #take(pod: PodDns, message: Buffer, transport: DnsTransport, reply: (answer: Buffer) => void): void {
    const parsed = parseMessage(message);
    if (parsed.kind === 'noise') return;
    if (parsed.kind === 'refused') {
      reply(encodeRefusal(message, parsed.rcode));
      return;
    }
    const { query } = parsed;
    if (pod.waiting >= MAX_WAITING_PER_POD) {
      this.#answerFailure(query, transport, null, reply, 'too many queries of the pod wait');
      return;
    }
    pod.waiting++;
    this.#localWorkload.take(pod.uid, (client) => {
      pod.waiting--;
      if (this.#pods.get(pod.uid) !== pod) return;
      if (client === null) this.#answerFailure(query, transport, null, reply, 'unknown source');
      else this.#resolve(pod, client, query, transport, reply);
    });
  }

  #resolve(
    pod: PodDns,
    client: Workload,
    query: DnsQuery,
    transport: DnsTransport,
    reply: (answer: Buffer) => void,
  ): void {
    const { view, settings, metrics } = this.options;
    metrics.request({ type: query.type, transport, source: client });
    const family = query.class !== CLASS_IN ? null : query.type === TYPE_A ? 4 : query.type === TYPE_AAAA ? 6 : null;
    const known =
      family === null || query.labels === null || query.labels.length === 0
        ? null
        : resolveName(view, settings, client, query.labels, family);
    if (known === null) {
      this.#forward(pod, client, query, transport, reply);
      return;
    }
    const addresses = this.#shuffled(known.addresses);
    reply(encodeAnswer(query, { ...known, addresses } satisfies DnsAnswer, transport));
    this.#logged(query, client, known.addresses.length === 0 ? 'no records' : 'success', addresses.length);
  }

  #forward(
    pod: PodDns,
    client: Workload,
    query: DnsQuery,
    transport: DnsTransport,
    reply: (answer: Buffer) => void,
  ): void {
    const { metrics, clock, nameservers } = this.options;
    const request: DnsRequest = { type: query.type, transport, source: client };
    metrics.forwarded(request);
    const started = performance.now();
    const ended = (failure: string | null): void => {
      metrics.forwardEnded(request, (performance.now() - started) / 1000, failure === null);
      this.#logged(query, client, failure === null ? 'forwarded' : `forwarding failed (${failure})`, 0);
    };
    if (pod.exchanges.size >= MAX_WAITING_PER_POD || this.#waiting >= MAX_WAITING) {
      ended('too many queries wait');
      reply(encodeFailure(query, rcodes.serverFailure));
      return;
    }
    const exchange: UpstreamExchange = new UpstreamExchange({
      servers: nameservers(),
      transport,
      query: query.message,
      questionEnd: query.questionEnd,
      connect: pod.sockets.connect,
      clock,
      randomId: () => randomInt(65_536),
      done: (outcome) => {
        if (!pod.exchanges.delete(exchange)) return;
        this.#waiting--;
        ended('answer' in outcome ? null : outcome.failure);
        reply('answer' in outcome ? outcome.answer : encodeFailure(query, rcodes.serverFailure));
      },
    });
    pod.exchanges.add(exchange);
    this.#waiting++;
    exchange.start();
  }

  #answerFailure(
    query: DnsQuery,
    transport: DnsTransport,
    source: Workload | null,
    reply: (answer: Buffer) => void,
    result: string,
  ): void {
    this.options.metrics.request({ type: query.type, transport, source });
    this.#logged(query, source, result, 0);
    reply(encodeFailure(query, rcodes.serverFailure));
  }

  /** Clients take the first address, so the first must not always be the same (Fisher and Yates). */
  #shuffled(addresses: readonly IpAddress[]): readonly IpAddress[] {
    const shuffled = [...addresses];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random() * (i + 1));
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }

  #logged(query: DnsQuery, source: Workload | null, result: string, endpoints: number): void {
    const { log } = this.options;
    if (!log.isLevelEnabled('debug')) return;
    const fields = {
      'src.workload': source?.name ?? 'unknown',
      'src.namespace': source?.namespace ?? 'unknown',
      query: typeName(query.type),
      domain: query.labels?.join('.') ?? 'not a host name',
      result,
      endpoints,
    };
    log.debug(fields, 'dns request');
  }
}
