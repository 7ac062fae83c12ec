import { attachRoute, ownerKey, type GatewaySubject, type ListenerGroupState } from '@weft/gateway-api';
import type { Informer, KubeClient, KubeObject, Namespace, ObjectIndex } from '@weft/kube';
import {
  GATEWAY_API_GROUP,
  GRPC_ROUTES,
  HTTP_ROUTES,
  TCP_ROUTES,
  TLS_ROUTES,
  type MeshKind,
  type ParentReference,
  type ParsedResource,
} from '@weft/mesh-api';

interface RouteSpec {
  readonly parentRefs: readonly ParentReference[];
  readonly hostnames?: readonly string[];
}
interface RouteFeed {
  readonly kind: MeshKind<RouteSpec>;
  readonly informer: Informer<KubeObject>;
  readonly byOwner: ObjectIndex<KubeObject>;
}

const KINDS: readonly MeshKind<RouteSpec>[] = [HTTP_ROUTES, GRPC_ROUTES, TLS_ROUTES, TCP_ROUTES];

/** Which routes are attached to the listeners of a Gateway or ListenerSet, `<kind>/<namespace>/<name>`. */
export class AttachedRoutes {
  readonly #feeds: readonly RouteFeed[];
  readonly #parsed = new WeakMap<KubeObject, ParsedResource<RouteSpec>>();

  constructor(
    kube: KubeClient,
    private readonly namespaces: Informer<Namespace>,
    onChange: (owner: string) => void,
  ) {
    this.#feeds = KINDS.map((kind) => {
      const informer = kube.informer<KubeObject>(kind);
      const tell = (...objects: KubeObject[]) => {
        for (const key of new Set(objects.flatMap((object) => this.#ownersOf(kind, object)))) onChange(key);
      };
      informer.on({ added: tell, updated: tell, deleted: tell });
      return { kind, informer, byOwner: informer.index((object) => this.#ownersOf(kind, object)) };
    });
  }

  get informers(): readonly Informer<KubeObject>[] {
    return this.#feeds.map(({ informer }) => informer);
  }

  /** Routes by listener name. One that names a listener twice counts once. */
  count({ owner, listeners }: ListenerGroupState): ReadonlyMap<string, number> {
    const gateway = { namespace: owner.namespace, listeners };
    const counts = new Map<string, number>();
    for (const { kind, byOwner } of this.#feeds) {
      for (const object of byOwner.get(ownerKey(owner))) {
        for (const listener of this.#listenersOf(kind, object, ownerKey(owner), gateway))
          counts.set(listener, (counts.get(listener) ?? 0) + 1);
      }
    }
    return counts;
  }

  #listenersOf(
    kind: MeshKind<RouteSpec>,
    object: KubeObject,
    owner: string,
    gateway: GatewaySubject,
  ): ReadonlySet<string> {
    const { meta, spec } = this.#parse(kind, object);
    const parents = spec?.parentRefs.filter((parent) => ownerOf(parent, meta.namespace) === owner) ?? [];
    const route = {
      group: GATEWAY_API_GROUP,
      kind: kind.kind,
      namespace: meta.namespace,
      namespaceLabels: this.namespaces.get(undefined, meta.namespace)?.metadata?.labels ?? {},
      hostnames: spec?.hostnames ?? [],
    };
    return new Set(
      parents.flatMap((parent) =>
        attachRoute(route, parent, gateway).listeners.map(({ state }) => state.listener.name),
      ),
    );
  }

  #ownersOf(kind: MeshKind<RouteSpec>, object: KubeObject): readonly string[] {
    const { meta, spec } = this.#parse(kind, object);
    return [...new Set(spec?.parentRefs.flatMap((parent) => ownerOf(parent, meta.namespace) ?? []) ?? [])];
  }

  #parse(kind: MeshKind<RouteSpec>, object: KubeObject): ParsedResource<RouteSpec> {
    const known = this.#parsed.get(object);
    if (known !== undefined) return known;
    const parsed = kind.parse(object);
    this.#parsed.set(object, parsed);
    return parsed;
  }
}

const ownerOf = ({ group, kind, name, namespace }: ParentReference, home: string): string | null =>
  group === GATEWAY_API_GROUP && (kind === 'Gateway' || kind === 'ListenerSet')
    ? ownerKey({ kind, namespace: namespace ?? home, name })
    : null;
