import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Route, VirtualHost } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { RouteDraft } from '../routes/forward.js';
import { DEFAULT_RETRIES } from '../routes/retry-policy.js';
import { leansOnHost, withoutSharedRetries } from '../routes/shared-retries.js';
import type { Draft } from './draft.js';

/** Field numbers of `RouteConfiguration.virtual_hosts` and `VirtualHost.routes`. */
const VIRTUAL_HOSTS = (2 << 3) | WireType.LengthDelimited;
const ROUTES = (3 << 3) | WireType.LengthDelimited;

/** A virtual host, with its routes apart. */
export interface SplicedHost extends Omit<Draft<typeof VirtualHost>, 'routes' | 'domains'> {
  readonly name: string;
  readonly domains?: readonly string[];
}
export interface HostWithRoutes {
  readonly host: SplicedHost;
  readonly routes: readonly RouteDraft[];
}

/** A virtual host, encoded. */
export interface EncodedHost {
  readonly domains: readonly string[];
  readonly hasRoutes: boolean;
  /** A field `virtual_hosts` of a RouteConfiguration. */
  readonly field: Uint8Array;
}

/** A RouteConfiguration, encoded. */
export interface EncodedRoutes {
  readonly name: string;
  readonly body: Uint8Array;
}

const encodedRoutes = new WeakMap<RouteDraft, Uint8Array>();

/** A route configuration as bytes, put together of those of its hosts: of thousands one change encodes one. */
export function splicedRoutes(
  settings: Omit<Draft<typeof RouteConfiguration>, 'virtualHosts'> & { readonly name: string },
  hosts: readonly EncodedHost[],
): EncodedRoutes {
  const rest = RouteConfiguration.encode(RouteConfiguration.fromPartial(settings)).finish();
  return { name: settings.name, body: joined([...hosts.map(({ field }) => field), rest]) };
}

/**
 * A virtual host as bytes, each route encoded once as long as it is the same object. Retries that most routes have are said once for
 * all of the host.
 */
export function encodedHost(one: HostWithRoutes): EncodedHost {
  const { host, routes } = one;
  const field = fieldOf(VIRTUAL_HOSTS, bytesOfHost(one));
  return { domains: host.domains ?? [], hasRoutes: routes.length > 0, field };
}

function bytesOfHost({ host, routes }: HostWithRoutes): Uint8Array {
  const shared = routes.some(leansOnHost) ? { retryPolicy: DEFAULT_RETRIES } : {};
  const head = VirtualHost.encode(
    VirtualHost.fromPartial({ ...host, domains: [...(host.domains ?? [])], ...shared }),
  ).finish();
  return joined([head, ...routes.map(fieldOfRoute)]);
}

function fieldOfRoute(route: RouteDraft): Uint8Array {
  let field = encodedRoutes.get(route);
  if (field === undefined) {
    const bytes = Route.encode(Route.fromPartial(withoutSharedRetries(route))).finish();
    encodedRoutes.set(route, (field = fieldOf(ROUTES, bytes)));
  }
  return field;
}

const fieldOf = (tag: number, bytes: Uint8Array): Uint8Array => new BinaryWriter().uint32(tag).bytes(bytes).finish();

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
