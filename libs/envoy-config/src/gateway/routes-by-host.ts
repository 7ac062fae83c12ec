import type { GrpcRouteSpec, HttpRouteSpec } from '@weft/mesh-api';
import type { AttachedRoute, IngressListener } from '@weft/mesh-model';

/** As a route names it; undefined: any. */
export type Host = string | undefined;

/** The routes of a listener by the hosts that they name, so that each of thousands of hosts finds its own at once. */
export class RoutesByHost {
  readonly httpRoutes: ReadonlyMap<Host, readonly AttachedRoute<HttpRouteSpec>[]>;
  readonly grpcRoutes: ReadonlyMap<Host, readonly AttachedRoute<GrpcRouteSpec>[]>;
  readonly hosts: ReadonlySet<Host>;
  readonly #hasWildcards: boolean;

  constructor({ httpRoutes, grpcRoutes }: Pick<IngressListener, 'httpRoutes' | 'grpcRoutes'>) {
    this.httpRoutes = byHost(httpRoutes);
    this.grpcRoutes = byHost(grpcRoutes);
    this.hosts = new Set([...this.httpRoutes.keys(), ...this.grpcRoutes.keys()]);
    this.#hasWildcards = [...this.hosts].some((host) => host?.startsWith('*.') === true);
  }

  /** Hosts of routes that take this one in: itself, wildcards, and any. */
  patternsFor(host: Host): readonly Host[] {
    const found = this.hosts.has(host) ? [host] : [];
    if (host === undefined) return found;
    if (this.hosts.has(undefined)) found.push(undefined);
    if (!this.#hasWildcards) return found;
    for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const wildcard: string = `*${host.slice(dot)}`;
      if (wildcard !== host && this.hosts.has(wildcard)) found.push(wildcard);
    }
    return found;
  }
}

function byHost<S>(routes: readonly AttachedRoute<S>[]): ReadonlyMap<Host, readonly AttachedRoute<S>[]> {
  const found = new Map<Host, AttachedRoute<S>[]>();
  for (const route of routes) {
    for (const host of new Set(route.hosts)) {
      const same = found.get(host);
      if (same === undefined) found.set(host, [route]);
      else same.push(route);
    }
  }
  return found;
}
