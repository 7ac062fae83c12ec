import type { IpAddress } from '@weft/ip';
import type { CompiledPolicy } from '@weft/policy';
import type { Service } from './service.js';
import type { PortMap, Workload } from './workload.js';

/** A workload behind a service, with the ports that it names itself. */
export interface Endpoint {
  readonly workload: Workload;
  readonly ports: PortMap;
}

/** What decisions read of the mesh. */
export interface MeshView {
  workload(uid: string): Workload | null;
  /** The best one if several claim the address: a pod first, then one that speaks HBONE. */
  workloadByIp(network: string, ip: IpAddress): Workload | null;
  service(key: string): Service | null;
  /** The best visible one: same namespace as the client, canonical, first; exact addresses before CIDRs. */
  serviceByVip(network: string, ip: IpAddress, clientNamespace: string): Service | null;
  serviceByHostname(hostname: string, clientNamespace: string): Service | null;
  /** The workload whose resource gives this as its hostname, in that namespace only: a name claimed elsewhere is not it. */
  workloadByHostname(namespace: string, hostname: string): Workload | null;
  /** What the name of a workload without addresses stands for, as far as it is known now. */
  resolved(hostname: string): readonly IpAddress[];
  /** Endpoints that may get traffic: the healthy ones, or all if the service says so. */
  endpoints(service: Service): readonly Endpoint[];
  /** Everything that applies at a destination, and names it lists that are unknown. */
  policiesFor(workload: Workload): {
    readonly policies: readonly CompiledPolicy[];
    readonly unknown: readonly string[];
  };
}
