import type { Collection, SourceCollection } from '@weft/collections';
import type { ProxylessResource } from '@weft/envoy-config';
import {
  CLUSTER_TYPE_URL,
  DeltaServer,
  describeResource,
  ENDPOINT_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  type XdsResource,
} from '@weft/xds';

const TYPES = [CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL, LISTENER_TYPE_URL, ROUTE_TYPE_URL];
/** Longer than calls on clusters that routes no longer name; clients drop those by themselves. */
const REMOVE_AFTER_MS = 60_000;
const FOR_ALL = '';

/**
 * One engine for each namespace with gRPC clients that route by themselves. Most of what they are told is the same everywhere:
 * the resources are shared, and encoded once.
 */
export class ProxylessEngines {
  readonly #engines = new Map<string, DeltaServer>();
  /** By client namespace, type and name. */
  readonly #resources = new Map<string, XdsResource>();
  /** Asked for at this moment: nobody can follow it yet. */
  #asked: string | null = null;

  constructor(
    resources: Collection<ProxylessResource>,
    /** Told for which namespaces anything has to be derived. */
    private readonly namespaces: SourceCollection<string>,
  ) {
    resources.subscribe((events) => {
      for (const event of events) {
        const { clientNamespace, typeUrl, resource } = event.kind === 'deleted' ? event.oldValue : event.newValue;
        const key = keyOf(clientNamespace, typeUrl, resource.name);
        if (event.kind === 'deleted') this.#resources.delete(key);
        else this.#resources.set(key, resource);
        for (const [namespace, engine] of this.#engines)
          if (clientNamespace === FOR_ALL || clientNamespace === namespace)
            this.#bring(engine, namespace, typeUrl, resource.name);
      }
      this.#forgetIdle();
    });
  }

  /** For clients in the namespace; made when it is first asked for, and forgotten when nobody follows it any more. */
  engineFor(namespace: string): DeltaServer {
    this.#asked = namespace;
    this.#forgetIdle();
    let engine = this.#engines.get(namespace);
    if (engine === undefined) {
      engine = new DeltaServer(TYPES, {
        order: 'make-before-break',
        removeLast: new Set([CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL]),
        removeAfterMs: REMOVE_AFTER_MS,
        companions: new Map([[CLUSTER_TYPE_URL, ENDPOINT_TYPE_URL]]),
      });
      for (const [key, { name }] of this.#resources) {
        const [owner = '', typeUrl = ''] = key.split('|');
        if (owner === FOR_ALL || owner === namespace) this.#bring(engine, namespace, typeUrl, name);
      }
      this.#engines.set(namespace, engine);
      this.namespaces.set(namespace, namespace);
    }
    this.#asked = null;
    return engine;
  }

  /** Namespaces with clients. */
  keys(): readonly string[] {
    return [...this.#engines.keys()].sort();
  }

  get sessions(): number {
    let sum = 0;
    for (const { sessions } of this.#engines.values()) sum += sessions.size;
    return sum;
  }

  /** For people. Null: no client in the namespace. */
  dump(namespace: string): unknown {
    const engine = this.#engines.get(namespace);
    if (engine === undefined) return null;
    return Object.fromEntries(
      TYPES.map((typeUrl) => [typeUrl, [...engine.store(typeUrl).values()].map((one) => describeResource(one))]),
    );
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
    for (const [namespace, engine] of this.#engines) {
      if (namespace === this.#asked || engine.sessions.size > 0) continue;
      this.#engines.delete(namespace);
      this.namespaces.delete(namespace);
    }
  }
}

const keyOf = (namespace: string, typeUrl: string, name: string): string => `${namespace}|${typeUrl}|${name}`;
