import { cidrContains, type IpAddress } from '@weft/ip';
import type { CompiledPolicy } from '@weft/policy';
import type { Endpoint, MeshView } from './mesh-view.js';
import { MultiMap } from './multi-map.js';
import type { Service } from './service.js';
import { keyOfPolicy, stateKeys } from './state-keys.js';
import type { PortMap, Workload } from './workload.js';

/** What changed since the last `takeChanges`. */
export interface MeshChanges {
  /** Keys of `stateKeys`. */
  readonly keys: ReadonlySet<string>;
  /** Addresses that a workload lost, because it is gone or has moved: tunnels to them must not be used again. */
  readonly lostAddresses: readonly IpAddress[];
}

/**
 * Everything that ztunnel knows of the mesh, with the indexes that decisions need. Resources go in and out one by one, in
 * any order (an endpoint may come before its service); the result is the same as of a store built from what is left.
 */
export class MeshState implements MeshView {
  readonly #workloads = new Map<string, Workload>();
  readonly #workloadsByIp = new MultiMap<string, Workload>();
  readonly #workloadsByName = new MultiMap<string, Workload>();
  readonly #workloadsByHostname = new MultiMap<string, Workload>();
  readonly #workloadsByNode = new MultiMap<string, Workload>();
  readonly #services = new Map<string, Service>();
  readonly #servicesByVip = new MultiMap<string, Service>();
  readonly #servicesByHostname = new MultiMap<string, Service>();
  readonly #cidrServices = new MultiMap<string, Service>();
  /** By service key, also of services that are not known yet. */
  readonly #endpoints = new Map<string, Map<string, Endpoint>>();
  /** By resource name. */
  readonly #policies = new Map<string, CompiledPolicy>();
  readonly #policiesByScope = new MultiMap<string, CompiledPolicy>();
  #changedKeys = new Set<string>();
  #lostAddresses = new Map<string, IpAddress>();

  upsertWorkload(workload: Workload): void {
    const old = this.#dropWorkload(workload.uid);
    if (old !== null) this.#noteLostAddresses(old, workload);
    this.#workloads.set(workload.uid, workload);
    this.#workloadsByName.add(`${workload.namespace}/${workload.name}`, workload);
    this.#workloadsByNode.add(workload.node, workload);
    if (workload.hostname !== '') this.#workloadsByHostname.add(hostKey(workload), workload);
    for (const key of this.#ipKeys(workload)) this.#workloadsByIp.add(key, workload);
    for (const [service, ports] of workload.services) this.#addEndpoint(service, workload, ports);
    this.#touchWorkload(workload);
  }

  upsertService(service: Service): void {
    this.#dropService(service.key);
    this.#services.set(service.key, service);
    this.#servicesByHostname.add(service.hostname, service);
    for (const { network, ip } of service.vips) this.#servicesByVip.add(stateKeys.ip(network, ip.text), service);
    for (const { network } of service.cidrVips) this.#cidrServices.add(network, service);
    this.#touchService(service);
  }

  /** By the name that the control plane removes: a workload uid, else `namespace/hostname` of a service. */
  removeAddress(name: string): void {
    const workload = this.#dropWorkload(name);
    if (workload === null) this.#dropService(name);
    else this.#noteLostAddresses(workload, null);
  }

  upsertPolicy(name: string, policy: CompiledPolicy): void {
    this.removePolicy(name);
    this.#policies.set(name, policy);
    this.#policiesByScope.add(keyOfPolicy(policy), policy);
    this.#touchPolicy(name, policy);
  }

  removePolicy(name: string): void {
    const policy = this.#policies.get(name);
    if (policy === undefined) return;
    this.#policies.delete(name);
    this.#policiesByScope.delete(keyOfPolicy(policy), policy);
    this.#touchPolicy(name, policy);
  }

  takeChanges(): MeshChanges {
    const changes = { keys: this.#changedKeys, lostAddresses: [...this.#lostAddresses.values()] };
    this.#changedKeys = new Set();
    this.#lostAddresses = new Map();
    return changes;
  }

  workload(uid: string): Workload | null {
    return this.#workloads.get(uid) ?? null;
  }

  workloadByIp(network: string, ip: IpAddress): Workload | null {
    return best(this.#workloadsByIp.get(stateKeys.ip(network, ip.text)), compareWorkloads);
  }

  /** The workload that a pod of this node is, as the CNI agent names it. */
  localWorkload(pod: { namespace: string; name: string; serviceAccount: string }, node: string): Workload | null {
    const named = this.#workloadsByName.get(`${pod.namespace}/${pod.name}`);
    const local = named.filter((it) => it.serviceAccount === pod.serviceAccount && (node === '' || it.node === node));
    return best(local, compareWorkloads);
  }

  service(key: string): Service | null {
    return this.#services.get(key) ?? null;
  }

  serviceByVip(network: string, ip: IpAddress, clientNamespace: string): Service | null {
    const exact = this.#servicesByVip.get(stateKeys.ip(network, ip.text));
    const found = bestService(exact, clientNamespace);
    if (found !== null) return found;
    let winner: { service: Service; rank: readonly number[] } | null = null;
    for (const service of visibleTo(this.#cidrServices.get(network), clientNamespace)) {
      for (const { network: on, cidr } of service.cidrVips) {
        if (on !== network || !cidrContains(cidr, ip)) continue;
        const rank = [Number(service.namespace === clientNamespace), cidr.prefixLength, Number(service.canonical)];
        const better =
          winner === null ? 1 : compareRanks(rank, winner.rank) || compareText(winner.service.key, service.key);
        if (better > 0) winner = { service, rank };
      }
    }
    return winner?.service ?? null;
  }

  serviceByHostname(hostname: string, clientNamespace: string): Service | null {
    return bestService(this.#servicesByHostname.get(hostname), clientNamespace);
  }

  workloadByHostname(namespace: string, hostname: string): Workload | null {
    return best(this.#workloadsByHostname.get(hostKey({ namespace, hostname })), compareWorkloads);
  }

  /** The state itself asks no name server. */
  resolved(): readonly IpAddress[] {
    return [];
  }

  /** All of them, also those that a client may not see. */
  servicesByHostname(hostname: string): readonly Service[] {
    return this.#servicesByHostname.get(hostname);
  }

  endpoints(service: Service): readonly Endpoint[] {
    const all = [...(this.#endpoints.get(service.key)?.values() ?? [])];
    return service.loadBalancing.allowUnhealthy ? all : all.filter(({ workload }) => workload.healthy);
  }

  policiesFor(workload: Workload): ReturnType<MeshView['policiesFor']> {
    const policies = [
      ...this.#policiesByScope.get(stateKeys.policiesOfNamespace(workload.namespace)),
      ...this.#policiesByScope.get(stateKeys.globalPolicies()),
    ];
    const unknown: string[] = [];
    for (const name of new Set(workload.authorizationPolicies)) {
      const policy = this.#policies.get(name);
      if (policy === undefined) unknown.push(name);
      else if (!policies.includes(policy)) policies.push(policy);
    }
    return { policies, unknown };
  }

  workloadsOfNode(node: string): readonly Workload[] {
    return this.#workloadsByNode.get(node);
  }

  workloads(): Iterable<Workload> {
    return this.#workloads.values();
  }

  services(): Iterable<Service> {
    return this.#services.values();
  }

  policies(): Iterable<CompiledPolicy> {
    return this.#policies.values();
  }

  /** Endpoints whose service has not arrived, by service key. */
  stagedEndpoints(): ReadonlyMap<string, readonly Endpoint[]> {
    const staged = [...this.#endpoints].filter(([key]) => !this.#services.has(key));
    return new Map(staged.map(([key, endpoints]) => [key, [...endpoints.values()]]));
  }

  #addEndpoint(service: string, workload: Workload, ports: PortMap): void {
    let endpoints = this.#endpoints.get(service);
    if (endpoints === undefined) this.#endpoints.set(service, (endpoints = new Map<string, Endpoint>()));
    endpoints.set(workload.uid, { workload, ports });
  }

  #dropWorkload(uid: string): Workload | null {
    const workload = this.#workloads.get(uid);
    if (workload === undefined) return null;
    this.#workloads.delete(uid);
    this.#workloadsByName.delete(`${workload.namespace}/${workload.name}`, workload);
    this.#workloadsByNode.delete(workload.node, workload);
    this.#workloadsByHostname.delete(hostKey(workload), workload);
    for (const key of this.#ipKeys(workload)) this.#workloadsByIp.delete(key, workload);
    for (const service of workload.services.keys()) {
      const endpoints = this.#endpoints.get(service);
      endpoints?.delete(uid);
      if (endpoints?.size === 0) this.#endpoints.delete(service);
    }
    this.#touchWorkload(workload);
    return workload;
  }

  /**
   * An address is lost also when it stays but means another account now. Another trust domain alone is a new name of the same
   * workload: new tunnels are made under it, and the open ones go on.
   */
  #noteLostAddresses(old: Workload, now: Workload | null): void {
    const same = now !== null && now.namespace === old.namespace && now.serviceAccount === old.serviceAccount;
    const kept = same ? new Set(now.addresses.map(({ text }) => text)) : null;
    for (const ip of old.addresses) if (kept?.has(ip.text) !== true) this.#lostAddresses.set(ip.text, ip);
  }

  #dropService(key: string): void {
    const service = this.#services.get(key);
    if (service === undefined) return;
    this.#services.delete(key);
    this.#servicesByHostname.delete(service.hostname, service);
    for (const { network, ip } of service.vips) this.#servicesByVip.delete(stateKeys.ip(network, ip.text), service);
    for (const { network } of service.cidrVips) this.#cidrServices.delete(network, service);
    this.#touchService(service);
  }

  /** Host-network workloads share their node's address, so an address never means one of them. */
  #ipKeys({ hostNetwork, network, addresses }: Workload): readonly string[] {
    return hostNetwork ? [] : addresses.map((ip) => stateKeys.ip(network, ip.text));
  }

  #touchWorkload(workload: Workload): void {
    this.#changedKeys.add(stateKeys.workload(workload.uid));
    if (workload.hostname !== '') this.#changedKeys.add(stateKeys.hostname(workload.hostname));
    for (const key of this.#ipKeys(workload)) this.#changedKeys.add(key);
    for (const service of workload.services.keys()) this.#changedKeys.add(stateKeys.service(service));
  }

  #touchPolicy(name: string, policy: CompiledPolicy): void {
    this.#changedKeys.add(keyOfPolicy(policy));
    this.#changedKeys.add(stateKeys.policyByName(name));
  }

  #touchService(service: Service): void {
    this.#changedKeys.add(stateKeys.service(service.key));
    this.#changedKeys.add(stateKeys.hostname(service.hostname));
    for (const { network, ip } of service.vips) this.#changedKeys.add(stateKeys.ip(network, ip.text));
    for (const { network } of service.cidrVips) this.#changedKeys.add(stateKeys.cidrs(network));
  }
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const hostKey = ({ namespace, hostname }: Pick<Workload, 'namespace' | 'hostname'>): string =>
  `${namespace}/${hostname}`;
const isPod = ({ uid }: Workload): number => Number(uid.includes('//Pod/'));

/** Positive if `a` is the better answer. The order is total, so that arrival never matters. */
function compareWorkloads(a: Workload, b: Workload): number {
  return (
    isPod(a) - isPod(b) || Number(a.protocol === 'HBONE') - Number(b.protocol === 'HBONE') || compareText(b.uid, a.uid)
  );
}

function bestService(services: readonly Service[], clientNamespace: string): Service | null {
  const rank = (it: Service) => [Number(it.namespace === clientNamespace), Number(it.canonical)];
  return best(
    visibleTo(services, clientNamespace),
    (a, b) => compareRanks(rank(a), rank(b)) || compareText(b.key, a.key),
  );
}

function visibleTo(services: readonly Service[], clientNamespace: string): readonly Service[] {
  return services.filter((it) => !it.namespacePrivate || it.namespace === clientNamespace);
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]) return value - b[i]!;
  return 0;
}

function best<T>(candidates: readonly T[], compare: (a: T, b: T) => number): T | null {
  let winner: T | null = null;
  for (const candidate of candidates) if (winner === null || compare(candidate, winner) > 0) winner = candidate;
  return winner;
}
