import { systemClock } from '@weft/runtime';
import { ADDRESS_TYPE_URL, AUTHORIZATION_TYPE_URL, DeltaClient, type DeltaUpdate } from '@weft/xds';
import { DeltaXdsClient, MeshEndpoint } from '@weft/xds-grpc';
import { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address, type Workload } from '@weft/xds/gen/mesh/workload/workload.js';

export interface TestProxyOptions {
  readonly address: string;
  readonly token: string;
  /** PEM; the machine's roots if left out. */
  readonly root?: string;
}

const silent = { info: () => undefined, warn: () => undefined };

/** A node proxy as far as xDS goes: follows the whole mesh and remembers what it was told. */
export class TestProxy {
  readonly updates: DeltaUpdate[] = [];
  readonly addresses = new Map<string, Address>();
  readonly policies = new Map<string, Authorization>();
  /** Ended or failed connections. */
  terminated = 0;
  /** Rejects everything with this reason while set. */
  reject: string | null = null;
  readonly #client: DeltaXdsClient;

  constructor({ address, token, root = 'SYSTEM' }: TestProxyOptions) {
    const endpoint = MeshEndpoint.parse({
      address,
      token,
      root,
      clusterId: 'Kubernetes',
      serverName: 'istiod.istio-system.svc',
    });
    if (!endpoint.ok) throw endpoint.error;
    const client = new DeltaClient({
      node: Node.fromPartial({ id: 'ztunnel~10.244.1.9~ztunnel-a.istio-system~istio-system.svc.cluster.local' }),
      subscriptions: [
        {
          typeUrl: ADDRESS_TYPE_URL,
          mode: 'wildcard',
          apply: this.#apply(this.addresses, (body) => Address.decode(body)),
        },
        {
          typeUrl: AUTHORIZATION_TYPE_URL,
          mode: 'wildcard',
          apply: this.#apply(this.policies, (body) => Authorization.decode(body)),
        },
      ],
    });
    this.#client = new DeltaXdsClient({
      endpoint: endpoint.value,
      client,
      clock: systemClock,
      log: silent,
      onTermination: () => this.terminated++,
    });
  }

  start(): Promise<void> {
    return this.#client.start();
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }

  workload(uid: string): Workload | undefined {
    const type = this.addresses.get(uid)?.type;
    return type?.$case === 'workload' ? type.value : undefined;
  }

  #apply<T>(held: Map<string, T>, decode: (body: Uint8Array) => T) {
    return (update: DeltaUpdate) => {
      this.updates.push(update);
      for (const { name, body } of update.upserts) held.set(name, decode(body));
      for (const name of update.removals) held.delete(name);
      const { reject } = this;
      return reject === null ? [] : update.upserts.map(({ name }) => ({ name, reason: reject }));
    };
  }
}
