import { MeshError } from '@weft/result';
import { objectKey, WorkQueue, type KubeClient, type KubeLog } from '@weft/kube';
import type { Service } from '@weft/runtime';
import { ServiceView } from '../service-view.js';
import { installedAfter, readInstalled, restorePayload, type InstalledState } from './restore-payload.js';
import { serviceModel, type Conflict, type Family, type ServicePort } from './service-model.js';
import { serviceRules } from './service-rules.js';

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServiceProxyOptions {
  readonly kube: KubeClient;
  /** Name of the node, as in `spec.nodeName` of its pods. */
  readonly node: string;
  /** Runs a program in the node's network namespace. Must not reject for an exit code. */
  readonly run: (argv: readonly string[], stdin?: string) => Promise<CommandOutcome>;
  readonly log: KubeLog;
  /** Default 4. One proxy per family. */
  readonly family?: Family;
  /** The addresses of all pods; others that talk to a service address are masqueraded. Default: nobody is. */
  readonly podCidr?: string;
  /** Shared between the nodes of one process; the proxy then neither starts nor stops it. */
  readonly view?: ServiceView;
}

/** Changes come in bursts; this long they are collected. */
const DEBOUNCE_MS = 20;

/** The rules could not be read or written; the message holds what the program said. */
export class ServiceRulesError extends MeshError {
  readonly code = 'CLUSTER_SERVICE_RULES';

  constructor(argv: readonly string[], { code, stderr }: CommandOutcome) {
    super(`${argv.join(' ')}: exit code ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ').slice(-500)}`);
  }
}

/**
 * Translates service addresses on one node, as kube-proxy does: ClusterIP and NodePort, TCP and UDP, by iptables rules in
 * chains of its own. Works for packets that pods send through the node and for those of the node itself.
 *
 * A change becomes one write; what is in place already is not written again. Rules stay when the proxy stops.
 */
export class ServiceProxy implements Service {
  readonly name: string;
  readonly #view: ServiceView;
  readonly #queue: WorkQueue;
  readonly #family: Family;
  readonly #reported = new Set<string>();
  #installed: InstalledState | null = null;
  #lastRules: string | null = null;
  #lastUdp: readonly ServicePort[] = [];
  #affinity = true;
  #unsubscribe: () => void = () => undefined;
  #markSettled: () => void = () => undefined;
  /** Resolves when the first rules are in place; stays pending if they never are. */
  readonly settled: Promise<void>;
  /** How many times rules were written. */
  writes = 0;

  constructor(private readonly options: ServiceProxyOptions) {
    this.#family = options.family ?? 4;
    this.name = `service proxy of ${options.node}${this.#family === 6 ? ' (IPv6)' : ''}`;
    this.settled = new Promise((resolve) => (this.#markSettled = resolve));
    this.#view = options.view ?? new ServiceView(options.kube);
    this.#queue = new WorkQueue({ name: this.name, handle: () => this.#sync(), log: options.log, maxBackoffMs: 5_000 });
  }

  /** Resolves once the subscription stands; `settled` tells when the first rules are in place. */
  async start(): Promise<void> {
    if (this.options.view === undefined) await this.#view.start();
    await this.#queue.start();
    void this.#view.synced.then(() => {
      this.#unsubscribe = this.#view.onChange(() => this.#queue.addAfter('rules', DEBOUNCE_MS));
      this.#queue.addAfter('rules', 0);
    });
  }

  async stop(hard?: AbortSignal): Promise<void> {
    this.#unsubscribe();
    await this.#queue.stop(hard);
    if (this.options.view === undefined) await this.#view.stop();
  }

  async #sync(): Promise<undefined> {
    const { node } = this.options;
    const { ports, conflicts } = serviceModel({
      services: this.#view.services.list(),
      slicesOf: (service) => this.#view.slicesOf.get(objectKey(service)),
      node,
      family: this.#family,
    });
    this.#report(conflicts);
    await this.#apply(ports);
    this.#markSettled();
    return undefined;
  }

  async #apply(ports: readonly ServicePort[]): Promise<void> {
    const rules = serviceRules(ports, {
      family: this.#family,
      podCidr: this.options.podCidr ?? null,
      affinity: this.#affinity,
    });
    const fingerprint = JSON.stringify([[...rules.nat], [...rules.filter]]);
    if (fingerprint === this.#lastRules) return;
    this.#installed ??= await this.#read();
    const argv = [this.#program('restore'), '--noflush', '--wait', '5'];
    const outcome = await this.options.run(argv, restorePayload(rules, this.#installed));
    this.writes++;
    if (outcome.code !== 0) {
      // What is there now is uncertain: read it again before the next try.
      this.#installed = null;
      if (this.#affinity && ports.some(({ affinitySeconds }) => affinitySeconds !== null)) {
        this.#affinity = false;
        this.options.log.warn(
          { node: this.options.node, err: outcome.stderr.trim() },
          'no session affinity: this kernel may lack the match "recent"',
        );
        return this.#apply(ports);
      }
      throw new ServiceRulesError(argv, outcome);
    }
    this.#installed = installedAfter(rules);
    this.#lastRules = fingerprint;
    await this.#forgetUdpFlows(ports);
  }

  async #read(): Promise<InstalledState> {
    const save = async (table: 'nat' | 'filter'): Promise<string> => {
      const argv = [this.#program('save'), '-t', table];
      const outcome = await this.options.run(argv);
      if (outcome.code !== 0) throw new ServiceRulesError(argv, outcome);
      return outcome.stdout;
    };
    return readInstalled({ nat: await save('nat'), filter: await save('filter') });
  }

  /**
   * A UDP flow has no end: its translation is remembered as long as the client goes on. When an endpoint went away, or the first
   * one came, the memory of that address is dropped. Without the program `conntrack` flows end by themselves after 30 s.
   */
  async #forgetUdpFlows(ports: readonly ServicePort[]): Promise<void> {
    const udp = ports.filter(({ protocol }) => protocol === 'udp');
    const before = new Map(this.#lastUdp.map((port) => [port.label, port]));
    this.#lastUdp = udp;
    for (const port of udp) {
      const old = before.get(port.label);
      before.delete(port.label);
      const now = new Set(port.cluster.map(({ address, port: number }) => `${address} ${number}`));
      const lost = old?.cluster.some(({ address, port: number }) => !now.has(`${address} ${number}`)) ?? false;
      const first = (old?.cluster.length ?? 0) === 0 && now.size > 0;
      if (lost || first) await this.#forgetFlow(port);
    }
    for (const gone of before.values()) await this.#forgetFlow(gone);
  }

  async #forgetFlow({ vip, port }: ServicePort): Promise<void> {
    const family = this.#family === 4 ? 'ipv4' : 'ipv6';
    await this.options.run([
      'conntrack',
      '-D',
      '-f',
      family,
      '-p',
      'udp',
      '--orig-dst',
      vip,
      '--orig-port-dst',
      String(port),
    ]);
  }

  #report(conflicts: readonly Conflict[]): void {
    const present = new Set<string>();
    for (const { loser, winner, what } of conflicts) {
      const identity = `${loser.metadata?.uid ?? objectKey(loser)} ${winner.metadata?.uid ?? objectKey(winner)} ${what}`;
      present.add(identity);
      if (this.#reported.has(identity)) continue;
      const message = `${what} belongs to Service ${objectKey(winner)}, which is older; Service ${objectKey(loser)} gets no traffic there. Delete one of them, or let the API server choose another value.`;
      this.options.kube.event({ apiVersion: 'v1', kind: 'Service', ...loser }, 'Warning', 'AddressConflict', message);
      this.options.log.warn(
        { what, service: objectKey(loser), owner: objectKey(winner) },
        'two Services claim one address',
      );
    }
    this.#reported.clear();
    for (const identity of present) this.#reported.add(identity);
  }

  #program(what: 'save' | 'restore'): string {
    return `${this.#family === 4 ? 'iptables' : 'ip6tables'}-${what}`;
  }
}
