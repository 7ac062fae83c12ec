import type { Collection } from '@weft/collections';
import type { ProxyResource } from '@weft/envoy-config';
import { shortName } from '@weft/gateway-api';
import type { DeltaServer } from '@weft/xds';
import { GatewayEngine, type ResourceChange } from './gateway-engine.js';
import type { SleepingClusters } from './sleeping-clusters.js';

/** One engine for each waypoint and gateway, by `<namespace>/<name>` of the Gateway. */
export class WaypointEngines {
  readonly #engines = new Map<string, GatewayEngine>();

  constructor(
    resources: Collection<ProxyResource>,
    private readonly sleeping?: Pick<SleepingClusters, 'has' | 'asked'>,
  ) {
    resources.subscribe((events) => {
      const changes = new Map<string, ResourceChange[]>();
      for (const event of events) {
        const { clients, typeUrl, resource, node } = event.kind === 'deleted' ? event.oldValue : event.newValue;
        const change = { typeUrl, name: resource.name, node, resource: event.kind === 'deleted' ? null : resource };
        const known = changes.get(clients);
        if (known === undefined) changes.set(clients, [change]);
        else known.push(change);
      }
      for (const [gateway, change] of changes) (this.#engines.get(gateway) ?? this.#add(gateway)).apply(change);
      for (const [gateway, engine] of this.#engines) if (engine.isEmpty) this.#engines.delete(gateway);
    });
  }

  /** For proxies on the node. Undefined if it is neither a waypoint nor a gateway. */
  get(gateway: string, node = ''): DeltaServer | undefined {
    return this.#engines.get(gateway)?.of(node);
  }

  /** Of the Gateway that a pod's label stands for: its name, or what a long name is shortened to. */
  ofLabel(namespace: string, label: string, node: string): DeltaServer | undefined {
    const exact = this.get(`${namespace}/${label}`, node);
    if (exact !== undefined) return exact;
    for (const [key, engine] of this.#engines) {
      const name = key.slice(namespace.length + 1);
      if (key.startsWith(`${namespace}/`) && name.length > label.length && shortName(name) === label)
        return engine.of(node);
    }
    return undefined;
  }

  keys(): readonly string[] {
    return [...this.#engines.keys()].sort();
  }

  /** Connected Envoys. */
  get sessions(): number {
    let sum = 0;
    for (const engine of this.#engines.values()) sum += engine.sessions;
    return sum;
  }

  /** For people. Null if there is no such waypoint. */
  dump(gateway: string): unknown {
    return this.#engines.get(gateway)?.dump() ?? null;
  }

  #add(gateway: string): GatewayEngine {
    const { sleeping } = this;
    const engine = new GatewayEngine({
      has: (_node, typeUrl, name) => sleeping?.has(gateway, typeUrl, name) === true,
      asked: (_node, typeUrl, names) => sleeping?.asked(gateway, typeUrl, names),
    });
    this.#engines.set(gateway, engine);
    return engine;
  }
}
