import {
  CLUSTER_TYPE_URL,
  describeResource,
  ENDPOINT_TYPE_URL,
  EXTENSION_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  SECRET_TYPE_URL,
  type DeltaServer,
  type XdsResource,
} from '@weft/xds';
import { ProxyEngines, type OnDemand } from './proxy-engines.js';

/** The order in which Envoy has to learn of changes, so that nothing is referred to before it is there. */
const ENVOY_TYPES: readonly string[] = [
  CLUSTER_TYPE_URL,
  ENDPOINT_TYPE_URL,
  SECRET_TYPE_URL,
  LISTENER_TYPE_URL,
  ROUTE_TYPE_URL,
  // Last: a module takes as long to come as its registry takes to answer, and nothing else may wait for it.
  EXTENSION_TYPE_URL,
];

const EVERYWHERE = '';

/** A resource of all proxies of a Gateway, or of those on a node in place of that; null: it is gone. */
export interface ResourceChange {
  readonly typeUrl: string;
  readonly name: string;
  readonly node: string | undefined;
  readonly resource: XdsResource | null;
}

/**
 * What the Envoys of one waypoint or gateway follow. Those on a node with endpoints of its own follow a copy, which shares all that is
 * the same, encoded once.
 */
export class GatewayEngine {
  /** By node. */
  readonly #engines: ProxyEngines;
  /** For proxies of which no node is known; holds what is for all. */
  readonly common: DeltaServer;
  /** Of single nodes, by node and by type and name. */
  readonly #own = new Map<string, Map<string, XdsResource>>();

  constructor(onDemand?: OnDemand) {
    this.#engines = new ProxyEngines(ENVOY_TYPES, onDemand);
    this.common = this.#engines.add(EVERYWHERE);
  }

  apply(changes: readonly ResourceChange[]): void {
    const touched = new Map<string, Set<string>>();
    const common = new Map<string, { upserts: XdsResource[]; removals: string[] }>();
    for (const { typeUrl, name, node, resource } of changes) {
      touched.set(typeUrl, (touched.get(typeUrl) ?? new Set()).add(name));
      if (node === undefined) {
        const entry = common.get(typeUrl) ?? { upserts: [], removals: [] };
        common.set(typeUrl, entry);
        if (resource === null) entry.removals.push(name);
        else entry.upserts.push(resource);
      } else this.#setOwn(node, keyOf(typeUrl, name), resource);
    }
    for (const [typeUrl, change] of common) this.common.apply(typeUrl, change);
    for (const [node, server] of this.#engines.entries())
      if (node !== EVERYWHERE) for (const [typeUrl, names] of touched) this.#bring(node, server, typeUrl, names);
  }

  /** For proxies on the node; made when it is first asked for. */
  of(node: string): DeltaServer {
    this.#forgetIdle();
    let server = this.#engines.get(node);
    if (server === undefined) {
      server = this.#engines.add(node);
      for (const typeUrl of ENVOY_TYPES) {
        const names = [...this.common.store(typeUrl).values()].map(({ name }) => name);
        this.#bring(node, server, typeUrl, names);
      }
    }
    return server;
  }

  /** Connected Envoys. */
  get sessions(): number {
    return this.#engines.sessions;
  }

  get isEmpty(): boolean {
    return this.sessions === 0 && ENVOY_TYPES.every((typeUrl) => this.common.store(typeUrl).size === 0);
  }

  /** For people: what is for all, and under `nodes` what proxies on single nodes are told in place of it. */
  dump(): unknown {
    const nodes = [...this.#own].map(
      ([node, resources]) => [node, [...resources.values()].map((one) => describeResource(one))] as const,
    );
    const common = this.#engines.dump(EVERYWHERE) as object;
    return { ...common, ...(nodes.length === 0 ? {} : { nodes: Object.fromEntries(nodes) }) };
  }

  #bring(node: string, server: DeltaServer, typeUrl: string, names: Iterable<string>): void {
    const upserts: XdsResource[] = [];
    const removals: string[] = [];
    for (const name of names) {
      const resource = this.#own.get(node)?.get(keyOf(typeUrl, name)) ?? this.common.store(typeUrl).get(name);
      if (resource === undefined) removals.push(name);
      else upserts.push(resource);
    }
    server.apply(typeUrl, { upserts, removals });
  }

  #setOwn(node: string, key: string, resource: XdsResource | null): void {
    const own = this.#own.get(node) ?? new Map<string, XdsResource>();
    if (resource === null) own.delete(key);
    else own.set(key, resource);
    if (own.size === 0) this.#own.delete(node);
    else this.#own.set(node, own);
  }

  #forgetIdle(): void {
    for (const [node, { sessions }] of this.#engines.entries())
      if (node !== EVERYWHERE && sessions.size === 0) this.#engines.delete(node);
  }
}

const keyOf = (typeUrl: string, name: string): string => `${typeUrl}|${name}`;
