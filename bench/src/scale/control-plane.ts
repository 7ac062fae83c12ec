import { ServerCredentials } from '@grpc/grpc-js';
import { parseIp } from '@weft/ip';
import { ok } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, DeltaServer, makeXdsResource, type XdsResource } from '@weft/xds';
import { XdsServer } from '@weft/xds-grpc';
import { Address, TunnelProtocol, Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { CLIENT_ADDRESS, SERVER_ADDRESS } from '../l4/namespace-pair.js';

const STOP_MS = 500;

/** An xDS server in this process that knows the two workloads of the bench and any number of others. */
export class ScaleControlPlane {
  #engine = this.#newEngine();
  #server: XdsServer | null = null;
  #others = 0;
  #generation = 0;
  #port = 0;

  async start(): Promise<void> {
    this.#server = new XdsServer({
      host: '127.0.0.1',
      port: this.#port,
      credentials: ServerCredentials.createInsecure(),
      engineFor: () => ok(this.#engine),
      authenticate: () => Promise.resolve(ok({ name: 'bench' })),
      ready: () => true,
      clock: systemClock,
      log: { info: () => undefined, warn: () => undefined },
    });
    await this.#server.start();
    this.#port = this.#server.port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** From now on there are `total` other workloads; those that are new are pushed. */
  grow(total: number): void {
    const upserts: XdsResource[] = [];
    for (; this.#others < total; this.#others++) upserts.push(other(this.#others, this.#generation));
    this.#engine.apply(ADDRESS_TYPE_URL, { upserts, removals: [] });
  }

  /** Both ztunnels have acknowledged everything. */
  get synced(): boolean {
    const clients = this.#server?.clients() ?? [];
    return clients.length === 2 && clients.every(({ watches }) => watches.every(({ sync }) => sync === 'synced'));
  }

  /** Ends every connection. Who comes back is told everything again, for everything has another version. */
  async replace(): Promise<void> {
    await this.stop();
    this.#generation++;
    this.#engine = this.#newEngine();
    const [total] = [this.#others, (this.#others = 0)];
    this.grow(total);
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#server?.stop(AbortSignal.timeout(STOP_MS));
    this.#server = null;
  }

  #newEngine(): DeltaServer {
    const engine = new DeltaServer([ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL]);
    const own = [
      workload({ name: 'client', address: CLIENT_ADDRESS, node: 'source' }),
      workload({ name: 'server', address: SERVER_ADDRESS, node: 'destination' }),
    ];
    engine.apply(ADDRESS_TYPE_URL, { upserts: own, removals: [] });
    return engine;
  }
}

/** Others are in 11.0.0.0/8, a hundred to a node and to a deployment. */
function other(n: number, generation: number): XdsResource {
  const group = Math.floor(n / 100);
  return workload({
    name: `deployment-${group}-7d5b9c5f4d-${n}`,
    address: `11.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
    node: `node-${group}`,
    of: `deployment-${group}`,
    canonicalRevision: `v${generation}`,
  });
}

function workload(of: {
  readonly name: string;
  readonly address: string;
  readonly node: string;
  readonly of?: string;
  readonly canonicalRevision?: string;
}): XdsResource {
  const { name, address, node, of: owner = name, canonicalRevision = '' } = of;
  const uid = `Kubernetes//Pod/bench/${name}`;
  const value = Workload.fromPartial({
    uid,
    name,
    namespace: 'bench',
    addresses: [Buffer.from(parseIp(address)!.bytes)],
    tunnelProtocol: TunnelProtocol.HBONE,
    serviceAccount: owner,
    trustDomain: 'cluster.local',
    node,
    workloadName: owner,
    canonicalName: owner,
    canonicalRevision,
    clusterId: 'Kubernetes',
  });
  const body = Address.encode(Address.fromPartial({ type: { $case: 'workload', value } })).finish();
  return makeXdsResource({ name: uid, aliases: [`/${address}`], typeUrl: ADDRESS_TYPE_URL, body });
}
