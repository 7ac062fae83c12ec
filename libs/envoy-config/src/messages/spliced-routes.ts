import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { RouteConfiguration } from '@weft/xds/gen/envoy/config/route/v3/route.js';
import { Route, VirtualHost } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { RouteDraft } from '../routes/forward.js';

/** Field numbers of `RouteConfiguration.virtual_hosts` and `VirtualHost.routes`. */
const VIRTUAL_HOSTS = (2 << 3) | WireType.LengthDelimited;
const ROUTES = (3 << 3) | WireType.LengthDelimited;

const encoded = new WeakMap<RouteDraft, Uint8Array>();

/**
 * A route configuration as bytes, each route encoded once as long as its draft is the same object: of thousands of routes one
 * change encodes one. Routes are added to the first virtual host.
 */
export function splicedRoutes(
  { virtualHosts: [host, ...others], ...rest }: RouteConfiguration,
  routes: readonly RouteDraft[],
): Uint8Array {
  const hostBytes = new BinaryWriter().raw(VirtualHost.encode(host ?? VirtualHost.fromPartial({})).finish());
  for (const route of routes) hostBytes.uint32(ROUTES).bytes(bytesOf(route));
  return new BinaryWriter()
    .uint32(VIRTUAL_HOSTS)
    .bytes(hostBytes.finish())
    .raw(RouteConfiguration.encode({ ...rest, virtualHosts: others }).finish())
    .finish();
}

function bytesOf(route: RouteDraft): Uint8Array {
  let bytes = encoded.get(route);
  if (bytes === undefined) encoded.set(route, (bytes = Route.encode(Route.fromPartial(route)).finish()));
  return bytes;
}
