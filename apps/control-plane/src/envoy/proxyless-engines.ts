import type { Collection, SourceCollection } from '@weft/collections';
import type { ProxyResource } from '@weft/envoy-config';
import {
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  type DeltaServer,
  type XdsResource,
} from '@weft/xds';
import { ProxyEngines } from './proxy-engines.js';

const TYPES = [CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL];
const FOR_ALL = '';

/**
 * One engine for each namespace with gRPC clients that route by themselves. Most of what they are told is the same everywhere:
 * the resources are shared, and encoded once.
 */
export class ProxylessEngines {
  readonly #engines = new ProxyEngines(TYPES);
  /** By client namespace, type and name. */
  readonly #resources = new Map<string, XdsResource>();
  /** Asked for at this moment: nobody can follow it yet. */
  #asked: string | null = null;

  constructor(
    resources: Collection<ProxyResource>,
    /** Told for which namespaces anything has to be derived. */
    private readonly namespaces: SourceCollection<string>,
  ) {
    resources.subscribe((events) => {
      for (const event of events) {
        const { clients, typeUrl, resource } = event.kind === 'deleted' ? event.oldValue : event.newValue;
        const key = keyOf(clients, typeUrl, resource.name);
        if (event.kind === 'deleted') this.#resources.delete(key);
        else this.#resources.set(key, resource);
        for (const [namespace, engine] of this.#engines.entries())
          if (clients === FOR_ALL || clients === namespace) this.#bring(engine, namespace, typeUrl, resource.name);
      }
      this.#forgetIdle();
    });
  }

  /** For clients in the namespace; made when it is first asked for, and forgotten when nobody follows it any more. */
  engineFor(namespace: string): DeltaServer {
    this.#asked = namespace;
    this.#forgetIdle();
    const engine = this.#engines.get(namespace) ?? this.#start(namespace);
    this.#asked = null;
    return engine;
  }

  /** Namespaces with clients. */
  keys(): readonly string[] {
    return this.#engines.keys();
  }

  /** Connected clients. */
  get sessions(): number {
    return this.#engines.sessions;
  }

  /** For people. Null: no client in the namespace. */
  dump(namespace: string): unknown {
    return this.#engines.dump(namespace);
  }

  #start(namespace: string): DeltaServer {
    const engine = this.#engines.add(namespace);
    for (const [key, { name }] of this.#resources) {
      const [clients = '', typeUrl = ''] = key.split('|');
      if (clients === FOR_ALL || clients === namespace) this.#bring(engine, namespace, typeUrl, name);
    }
    this.namespaces.set(namespace, namespace);
    return engine;
  }

  /** The namespace's own before what is for all. */
  #bring(engine: DeltaServer, namespace: string, typeUrl: string, name: string): void {
    const resource =
      this.#resources.get(keyOf(namespace, typeUrl, name)) ?? this.#resources.get(keyOf(FOR_ALL, typeUrl, name));
    engine.apply(
      typeUrl,
      resource === undefined ? { upserts: [], removals: [name] } : { upserts: [resource], removals: [] },
    );
  }

  #forgetIdle(): void {
    for (const [namespace, engine] of this.#engines.entries()) {
      if (namespace === this.#asked || engine.sessions.size > 0) continue;
      this.#engines.delete(namespace);
      this.namespaces.delete(namespace);
    }
  }
}

const keyOf = (namespace: string, typeUrl: string, name: string): string => `${namespace}|${typeUrl}|${name}`;
