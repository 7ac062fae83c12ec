import type { GrpcRouteSpec, HttpRouteSpec } from '@weft/mesh-api';
import type { AttachedRoute, IngressListener } from '@weft/mesh-model';

/** As a route names it; undefined: any. */
export type Host = string | undefined;

/** The routes that name one host, the oldest first. */
export interface HostLayer {
  readonly requests: readonly AttachedRoute<HttpRouteSpec>[];
  readonly calls: readonly AttachedRoute<GrpcRouteSpec>[];
}
interface FilledLayer extends HostLayer {
  requests: AttachedRoute<HttpRouteSpec>[];
  calls: AttachedRoute<GrpcRouteSpec>[];
}
/** Most have routes of one kind alone. */
const NO_ROUTES: never[] = [];

/** The routes of a listener by the hosts that they name, so that each of thousands of hosts finds its own at once. */
export class RoutesByHost {
  readonly #layers = new Map<Host, FilledLayer>();
  readonly #hasWildcards: boolean;

  constructor({ httpRoutes, grpcRoutes }: Pick<IngressListener, 'httpRoutes' | 'grpcRoutes'>) {
    for (const route of httpRoutes)
      for (const host of hostsOf(route)) {
        const layer = this.#layer(host);
        if (layer.requests.length === 0) layer.requests = [route];
        else layer.requests.push(route);
      }
    for (const route of grpcRoutes)
      for (const host of hostsOf(route)) {
        const layer = this.#layer(host);
        if (layer.calls.length === 0) layer.calls = [route];
        else layer.calls.push(route);
      }
    this.#hasWildcards = [...this.#layers.keys()].some((host) => host?.startsWith('*.') === true);
  }

  get hosts(): Iterable<Host> {
    return this.#layers.keys();
  }

  /** Routes for the host itself go before those for hosts that take it in, the longest of those first; any comes last. */
  layersFor(host: Host): readonly HostLayer[] {
    const layers = this.#layers;
    const found = layers.has(host) ? [layers.get(host)!] : [];
    if (host === undefined) return found;
    if (this.#hasWildcards)
      for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const wildcard: string = `*${host.slice(dot)}`;
        if (wildcard !== host && layers.has(wildcard)) found.push(layers.get(wildcard)!);
      }
    if (layers.has(undefined)) found.push(layers.get(undefined)!);
    return found;
  }

  #layer(host: Host): FilledLayer {
    let layer = this.#layers.get(host);
    if (layer === undefined) this.#layers.set(host, (layer = { requests: NO_ROUTES, calls: NO_ROUTES }));
    return layer;
  }
}

const hostsOf = ({ hosts }: AttachedRoute<unknown>): Iterable<Host> => (hosts.length > 1 ? new Set(hosts) : hosts);
