import { systemClock } from '@weft/runtime';
import { DeltaClient } from '@weft/xds';
import { DeltaXdsClient, MeshEndpoint } from '@weft/xds-grpc';
import { Node } from '@weft/xds/gen/envoy/config/core/v3/base.js';
import { NAME, type ControlSite } from './control-site.js';

export interface ControlClientOptions {
  readonly site: ControlSite;
  readonly nodeId: string;
  readonly token: string;
  readonly typeUrls: readonly string[];
  /** Names that came or went in one response. */
  readonly onNames?: (names: readonly string[]) => void;
}

const silent = { info: () => undefined, warn: () => undefined };

/** A proxy as far as its delta stream goes: follows all of some types, acknowledges, and remembers nothing but how much came. */
export class ControlClient {
  /** Of each type. */
  readonly resources = new Map<string, number>();
  readonly #client: DeltaXdsClient;

  constructor({ site, nodeId, token, typeUrls, onNames }: ControlClientOptions) {
    const endpoint = MeshEndpoint.parse({
      address: `https://127.0.0.1:${site.xdsPort}`,
      root: site.rootPem,
      serverName: NAME,
      clusterId: 'Kubernetes',
      token,
    });
    if (!endpoint.ok) throw endpoint.error;
    const client = new DeltaClient({
      node: Node.fromPartial({ id: nodeId }),
      subscriptions: typeUrls.map((typeUrl) => ({
        typeUrl,
        mode: 'wildcard' as const,
        apply: ({ upserts, removals }) => {
          this.resources.set(typeUrl, (this.resources.get(typeUrl) ?? 0) + upserts.length);
          onNames?.([...upserts.map(({ name }) => name), ...removals]);
          return [];
        },
      })),
    });
    this.#client = new DeltaXdsClient({ endpoint: endpoint.value, client, clock: systemClock, log: silent });
  }

  start(): Promise<void> {
    return this.#client.start();
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }
}
