import type { IpAddress } from '@weft/ip';
import type { Endpoint, MeshView } from './mesh-view.js';
import type { Service } from './service.js';
import { stateKeys } from './state-keys.js';
import type { Workload } from './workload.js';

/** A view that notes everything a decision looked at, so that exactly the changes of those things invalidate it. */
export class TrackingView implements MeshView {
  readonly keys = new Set<string>();
  /** Names that it was asked for and does not know: with them the decision may be another one. */
  readonly unresolved = new Set<string>();

  readonly #looked = new Set<string>();
  readonly #found = new Set<string>();

  constructor(
    private readonly mesh: MeshView,
    private readonly names: { known(hostname: string): readonly IpAddress[] | null } | null = null,
  ) {}

  /**
   * What it was asked for and has not, as the control plane is asked for it: `network/ip` that is neither workload nor service,
   * `namespace/hostname`.
   */
  get missing(): readonly string[] {
    return [...this.#looked].filter((key) => !this.#found.has(key));
  }

  #look<T>(key: string, found: T | null): T | null {
    this.#looked.add(key);
    if (found !== null) this.#found.add(key);
    return found;
  }

  workload(uid: string): Workload | null {
    this.keys.add(stateKeys.workload(uid));
    return this.mesh.workload(uid);
  }

  workloadByIp(network: string, ip: IpAddress): Workload | null {
    this.keys.add(stateKeys.ip(network, ip.text));
    return this.#look(`${network}/${ip.text}`, this.mesh.workloadByIp(network, ip));
  }

  service(key: string): Service | null {
    this.keys.add(stateKeys.service(key));
    return this.#look(key, this.mesh.service(key));
  }

  serviceByVip(network: string, ip: IpAddress, clientNamespace: string): Service | null {
    this.keys.add(stateKeys.ip(network, ip.text));
    this.keys.add(stateKeys.cidrs(network));
    return this.#look(`${network}/${ip.text}`, this.mesh.serviceByVip(network, ip, clientNamespace));
  }

  serviceByHostname(hostname: string, clientNamespace: string): Service | null {
    this.keys.add(stateKeys.hostname(hostname));
    return this.#look(`${clientNamespace}/${hostname}`, this.mesh.serviceByHostname(hostname, clientNamespace));
  }

  workloadByHostname(namespace: string, hostname: string): Workload | null {
    this.keys.add(stateKeys.hostname(hostname));
    return this.#look(`${namespace}/${hostname}`, this.mesh.workloadByHostname(namespace, hostname));
  }

  resolved(hostname: string): readonly IpAddress[] {
    this.keys.add(stateKeys.resolved(hostname));
    const addresses = this.names?.known(hostname) ?? null;
    if (addresses === null) this.unresolved.add(hostname);
    return addresses ?? [];
  }

  endpoints(service: Service): readonly Endpoint[] {
    this.keys.add(stateKeys.service(service.key));
    return this.mesh.endpoints(service);
  }

  policiesFor(workload: Workload): ReturnType<MeshView['policiesFor']> {
    this.keys.add(stateKeys.globalPolicies());
    this.keys.add(stateKeys.policiesOfNamespace(workload.namespace));
    for (const name of workload.authorizationPolicies) this.keys.add(stateKeys.policyByName(name));
    return this.mesh.policiesFor(workload);
  }
}
