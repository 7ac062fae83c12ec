import type { Collection } from '@weft/collections';
import type { ProxyResource } from '@weft/envoy-config';
import { shortName } from '@weft/gateway-api';
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
  type DeltaServer,
  type XdsResource,
} from '@weft/xds';
import { ProxyEngines } from './proxy-engines.js';
import type { SleepingClusters } from './sleeping-clusters.js';

const TYPES = [
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  SECRET_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  // Last: a module takes as long to come as its registry takes to answer, and nothing else may wait for it.
  EXTENSION_TYPE_URL,
];

interface Changes {
  readonly upserts: XdsResource[];
  readonly removals: string[];
}

/** One engine for each waypoint and gateway, by `<namespace>/<name>` of the Gateway. */
export class WaypointEngines {
  readonly #engines: ProxyEngines;

  constructor(resources: Collection<ProxyResource>, sleeping?: Pick<SleepingClusters, 'has' | 'asked'>) {
    this.#engines = new ProxyEngines(TYPES, sleeping);
    resources.subscribe((events) => {
      const changes = new Map<string, Changes>();
      const of = ({ clients, typeUrl }: ProxyResource): Changes => {
        const key = `${clients}|${typeUrl}`;
        let entry = changes.get(key);
        if (entry === undefined) changes.set(key, (entry = { upserts: [], removals: [] }));
        return entry;
      };
      for (const event of events) {
        if (event.kind === 'deleted') of(event.oldValue).removals.push(event.oldValue.resource.name);
        else of(event.newValue).upserts.push(event.newValue.resource);
      }
      for (const [key, change] of changes) {
        const [gateway = '', typeUrl = ''] = key.split('|');
        (this.#engines.get(gateway) ?? this.#engines.add(gateway)).apply(typeUrl, change);
      }
      this.#forgetEmpty();
    });
  }

  /** Undefined if it is neither a waypoint nor a gateway. */
  get(gateway: string): DeltaServer | undefined {
    return this.#engines.get(gateway);
  }

  /** Of the Gateway that a pod's label stands for: its name, or what a long name is shortened to. */
  ofLabel(namespace: string, label: string): DeltaServer | undefined {
    const exact = this.#engines.get(`${namespace}/${label}`);
    if (exact !== undefined) return exact;
    for (const [key, engine] of this.#engines.entries()) {
      const name = key.slice(namespace.length + 1);
      if (key.startsWith(`${namespace}/`) && name.length > label.length && shortName(name) === label) return engine;
    }
    return undefined;
  }

  keys(): readonly string[] {
    return this.#engines.keys();
  }

  /** Connected Envoys. */
  get sessions(): number {
    return this.#engines.sessions;
  }

  /** For people. Null if there is no such waypoint. */
  dump(gateway: string): unknown {
    return this.#engines.dump(gateway);
  }

  #forgetEmpty(): void {
    for (const [gateway, engine] of this.#engines.entries()) {
      if (engine.sessions.size === 0 && TYPES.every((typeUrl) => engine.store(typeUrl).size === 0))
        this.#engines.delete(gateway);
    }
  }
}
