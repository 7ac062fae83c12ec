import { PATCHED_MESSAGES, type EnvoyPatch } from '@weft/mesh-model';
import { mergeEncoded } from '@weft/xds';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Route, VirtualHost } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import { withOwnRetries } from '../routes/shared-retries.js';
import { matchesRoutes } from './patch-place.js';
import { patchedList, type ListItem } from './patched-list.js';

interface EncodedRoutes {
  readonly name: string;
  readonly body: Uint8Array;
}

const KINDS: readonly string[] = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];

/** Read only where there are patches for it: of thousands of routes most are never patched. */
export function patchedRoutes<R extends EncodedRoutes>(
  routes: R,
  patches: readonly EnvoyPatch[],
  port: number | null,
): R {
  const here = patches.filter(
    (patch) => KINDS.includes(patch.applyTo) && matchesRoutes(patch, { name: routes.name, port }),
  );
  if (here.length === 0) return routes;
  let { body } = routes;
  for (const patch of here) body = patched(body, patch);
  return { ...routes, body };
}

function patched(body: Uint8Array, patch: EnvoyPatch): Uint8Array {
  const { applyTo, value } = patch;
  if (applyTo === 'ROUTE_CONFIGURATION')
    return value === null ? body : mergeEncoded(PATCHED_MESSAGES.ROUTE_CONFIGURATION, body, value);
  const routes = RouteConfiguration.decode(body);
  const change = applyTo === 'VIRTUAL_HOST' ? patchedHosts : patchedRoutesOfHosts;
  const hosts = routes.virtualHosts.map(withOwnRetries);
  return RouteConfiguration.encode({ ...routes, virtualHosts: [...change(hosts, patch)] }).finish();
}

function isHost({ match }: EnvoyPatch, { name, domains }: VirtualHost): boolean {
  const host = match.routeConfiguration?.vhost;
  if (host?.name !== undefined && host.name !== name) return false;
  return host?.domainName === undefined || domains.includes(host.domainName);
}

/** Envoy refuses a second virtual host for a domain, and with it all routes of the port. */
function patchedHosts(hosts: readonly VirtualHost[], patch: EnvoyPatch): readonly VirtualHost[] {
  const taken = new Set(hosts.flatMap(({ domains }) => domains));
  if (patch.operation === 'ADD' && VirtualHost.decode(patch.value!).domains.some((one) => taken.has(one))) return hosts;
  const read = (bytes: Uint8Array): ListItem => ({ name: VirtualHost.decode(bytes).name, bytes });
  return patchedList(
    hosts.map((one) => read(VirtualHost.encode(one).finish())),
    patch,
    {
      matches: ({ bytes }) => isHost(patch, VirtualHost.decode(bytes)),
      merge: ({ bytes }, value) => read(mergeEncoded(PATCHED_MESSAGES.VIRTUAL_HOST, bytes, value)),
      read,
      placeOf: (items) => items.length,
    },
  ).map(({ bytes }) => VirtualHost.decode(bytes));
}

const ACTIONS: Readonly<Record<string, string>> = {
  ROUTE: 'route',
  REDIRECT: 'redirect',
  DIRECT_RESPONSE: 'directResponse',
};

function isRoute({ match }: EnvoyPatch, { name, action }: Route): boolean {
  const wanted = match.waypoint?.route ?? match.routeConfiguration?.vhost?.route;
  if (wanted?.name !== undefined && wanted.name !== name) return false;
  const kind = match.routeConfiguration?.vhost?.route?.action ?? 'ANY';
  return kind === 'ANY' || ACTIONS[kind] === action?.$case;
}

function patchedRoutesOfHosts(hosts: readonly VirtualHost[], patch: EnvoyPatch): readonly VirtualHost[] {
  const read = (bytes: Uint8Array): ListItem => ({ name: Route.decode(bytes).name, bytes });
  return hosts.map((host) => {
    if (!isHost(patch, host) || host.matcher !== undefined) return host;
    const routes = patchedList(
      host.routes.map((one) => read(Route.encode(one).finish())),
      patch,
      {
        matches: ({ bytes }) => isRoute(patch, Route.decode(bytes)),
        merge: ({ bytes }, value) => read(mergeEncoded(PATCHED_MESSAGES.HTTP_ROUTE, bytes, value)),
        read,
        placeOf: (items) => items.length,
      },
    );
    return { ...host, routes: routes.map(({ bytes }) => Route.decode(bytes)) };
  });
}
