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
export interface SplicedHost extends Omit<Draft<typeof VirtualHost>, 'routes'> {
  readonly name: string;
}
export interface HostWithRoutes {
  readonly host: SplicedHost;
  readonly routes: readonly RouteDraft[];
}

/** A RouteConfiguration, encoded. */
export interface EncodedRoutes {
  readonly name: string;
  readonly body: Uint8Array;
}

interface EncodedHost {
  readonly host: SplicedHost;
  readonly routes: readonly RouteDraft[];
  readonly bytes: Uint8Array;
}

const encodedRoutes = new WeakMap<RouteDraft, Uint8Array>();
/** By the first of their routes. */
const encodedHosts = new WeakMap<RouteDraft, EncodedHost>();

/**
 * A route configuration as bytes, each route and each virtual host encoded once as long as its drafts are the same objects: of
 * thousands of routes one change encodes one. Retries that most routes have are said once for each virtual host.
 */
export function splicedRoutes(
  settings: Omit<Draft<typeof RouteConfiguration>, 'virtualHosts'> & { readonly name: string },
  hosts: readonly HostWithRoutes[],
): EncodedRoutes {
  const writer = new BinaryWriter();
  for (const host of hosts) writer.uint32(VIRTUAL_HOSTS).bytes(bytesOfHost(host));
  const body = writer.raw(RouteConfiguration.encode(RouteConfiguration.fromPartial(settings)).finish()).finish();
  return { name: settings.name, body };
}

function bytesOfHost({ host, routes }: HostWithRoutes): Uint8Array {
  const [first] = routes;
  const last = first === undefined ? undefined : encodedHosts.get(first);
  if (last !== undefined && isSameHost(last, host) && areSame(last.routes, routes)) return last.bytes;
  const shared = routes.some(leansOnHost) ? { retryPolicy: DEFAULT_RETRIES } : {};
  const head = VirtualHost.encode(VirtualHost.fromPartial({ ...host, ...shared })).finish();
  const writer = new BinaryWriter().raw(head);
  for (const route of routes) writer.uint32(ROUTES).bytes(bytesOfRoute(route));
  const bytes = writer.finish();
  if (first !== undefined) encodedHosts.set(first, { host, routes, bytes });
  return bytes;
}

/** Matchers are made anew each time, and have no routes beside them. */
const isSameHost = ({ host: last }: EncodedHost, host: SplicedHost): boolean =>
  last.name === host.name &&
  last.matcher === host.matcher &&
  areSame(last.domains ?? [], host.domains ?? []) &&
  last.includeRequestAttemptCount === host.includeRequestAttemptCount;

const areSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);

function bytesOfRoute(route: RouteDraft): Uint8Array {
  let bytes = encodedRoutes.get(route);
  if (bytes === undefined)
    encodedRoutes.set(route, (bytes = Route.encode(Route.fromPartial(withoutSharedRetries(route))).finish()));
  return bytes;
}
