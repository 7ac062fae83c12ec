import { destinationKeys, type RouteDestination, type RouteDestinations } from '@weft/mesh-model';
import { encodedHost, type EncodedHost } from '../messages/spliced-routes.js';
import { gatewayApiRoutes } from '../routes/gateway-api-route.js';
import { grpcRoutes } from '../routes/grpc-route.js';
import { withHeldRequests, type OnDemandClusters } from './on-demand.js';
import { withListenerPort, type ListenerEntry } from './redirect-port.js';
import type { Host, HostLayer } from './routes-by-host.js';

/** What a virtual host is made of, beside the routes that name its host. */
export interface HostSurroundings {
  readonly entry: ListenerEntry;
  readonly destinations: RouteDestinations;
  readonly onDemand: OnDemandClusters;
}

interface Made {
  readonly layers: readonly HostLayer[];
  readonly places: readonly Place[];
  readonly entry: ListenerEntry;
  readonly onDemand: OnDemandClusters;
  readonly result: EncodedHost;
}
type Place = readonly [key: string, destination: RouteDestination | undefined];

/** By the first of their routes, and by host. */
const remembered = new WeakMap<object, Map<Host, Made>>();

/** The same object as long as nothing changed that it is made of: of thousands of hosts one change makes one. */
export function routedHost(host: Host, layers: readonly HostLayer[], around: HostSurroundings): EncodedHost {
  const first = layers[0]?.requests[0] ?? layers[0]?.calls[0];
  if (first === undefined) return made(host, layers, around);
  const known = remembered.get(first) ?? new Map<Host, Made>();
  remembered.set(first, known);
  const last = known.get(host);
  if (last !== undefined && isSame(last, layers, around)) return last.result;
  const { entry, onDemand } = around;
  const result = made(host, layers, around);
  known.set(host, { layers, places: placesOf(layers, around), entry, onDemand, result });
  return result;
}

function made(
  host: Host,
  layers: readonly HostLayer[],
  { entry, destinations, onDemand }: HostSurroundings,
): EncodedHost {
  const domain = host ?? '*';
  const routes = layers.flatMap(({ requests, calls }) => [
    ...grpcRoutes(calls, destinations),
    ...gatewayApiRoutes(requests, destinations),
  ]);
  return encodedHost({
    host: { name: `${domain}:${entry.port}`, domains: [domain], includeRequestAttemptCount: true },
    routes: routes.map((route) => withHeldRequests(withListenerPort(route, entry), onDemand)),
  });
}

const isSame = (last: Made, layers: readonly HostLayer[], { entry, destinations, onDemand }: HostSurroundings) =>
  last.entry.port === entry.port &&
  last.entry.isTls === entry.isTls &&
  last.onDemand === onDemand &&
  last.layers.length === layers.length &&
  last.layers.every(
    ({ requests, calls }, i) => areSame(requests, layers[i]!.requests) && areSame(calls, layers[i]!.calls),
  ) &&
  last.places.every(([key, destination]) => destinations[key] === destination);

const areSame = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);

function placesOf(layers: readonly HostLayer[], { destinations }: HostSurroundings): readonly Place[] {
  const keys = layers.flatMap(({ requests, calls }) => [
    ...requests.flatMap((route) => destinationKeys('HTTPRoute', route)),
    ...calls.flatMap((route) => destinationKeys('GRPCRoute', route)),
  ]);
  return keys.map((key) => [key, destinations[key]]);
}
