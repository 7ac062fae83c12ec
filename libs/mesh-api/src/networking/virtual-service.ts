import { column, meshKind, AGE } from '../mesh-kind.js';
import { list, textMap, texts } from '../schema/collection-fields.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { duration, integer, text, uint32 } from '../schema/scalar-fields.js';
import { destination } from './destination.js';
import {
  corsPolicy,
  directResponse,
  fault,
  gateways,
  headers,
  httpMatch,
  mirrorPolicy,
  percent,
  redirect,
  retries,
  rewrite,
  routeDestination,
} from './http-route-parts.js';

const httpRoute = object('A route; the first that matches is taken.', {
  name: text('Name, for logs and statistics.'),
  match: vital(list('Any of these; without any every request.', httpMatch)),
  route: list('Where requests go.', routeDestination),
  redirect,
  directResponse,
  delegate: object('Another VirtualService that has the routes.', {
    name: text('Its name.'),
    namespace: text('Its namespace. Default that of the resource.'),
  }),
  rewrite,
  timeout: duration('Time for the whole request. Default none.'),
  retries,
  fault,
  mirror: destination,
  mirrors: list('Copies of requests.', mirrorPolicy),
  mirrorPercentage: percent('Of the requests that are mirrored.'),
  mirrorPercent: uint32('The same as a whole number.'),
  mirror_percent: uint32('The same as a whole number.'),
  corsPolicy,
  headers,
});
export type HttpRouteRule = TypeOf<typeof httpRoute>;

const l4MatchFields = {
  destinationSubnets: texts('Addresses that the client asked for.'),
  port: uint32('Port that the client asked for.'),
  sourceLabels: textMap('Labels of the client; not seen by waypoints.'),
  sourceNamespace: text('Namespace of the client.'),
  gateways: texts('In place of the gateways of the resource.'),
} as const;

const l4Destination = object('A share of the connections.', {
  destination: required(destination),
  weight: integer('Share relative to the sum of all.', 0, 2_147_483_647),
});
export type L4Destination = TypeOf<typeof l4Destination>;

const tcpRoute = object('A route of TCP connections.', {
  match: vital(
    list(
      'Any of these; without any every connection.',
      object(
        'All conditions must hold.',
        { ...l4MatchFields, sourceSubnet: text('Address of the client.') },
        { whole: true },
      ),
    ),
  ),
  route: list('Where connections go.', l4Destination),
});
export type TcpRouteRule = TypeOf<typeof tcpRoute>;

const tlsRoute = object('A route of TLS connections that are not terminated.', {
  match: required(
    list(
      'Any of these.',
      object(
        'All conditions must hold.',
        { ...l4MatchFields, sniHosts: required(texts('Names that the client asks for in the handshake.')) },
        { whole: true },
      ),
    ),
  ),
  route: list('Where connections go.', l4Destination),
});
export type TlsRouteRule = TypeOf<typeof tlsRoute>;

const spec = object('Routes for hosts.', {
  hosts: texts('Hosts that requests are addressed to; short names are in the namespace of the resource.'),
  gateways,
  http: list('Routes of HTTP requests, in order.', httpRoute),
  tls: list('Routes of TLS connections, in order.', tlsRoute),
  tcp: list('Routes of TCP connections, in order.', tcpRoute),
  exportTo: texts('Namespaces that see it: a name, . or *.'),
});
export type VirtualServiceSpec = TypeOf<typeof spec>;

export const VIRTUAL_SERVICES = meshKind(
  {
    group: 'networking.istio.io',
    kind: 'VirtualService',
    plural: 'virtualservices',
    shortNames: ['vs'],
    versions: ['v1', 'v1beta1', 'v1alpha3'],
    columns: [
      column('Gateways', '.spec.gateways', 'Gateways that the routes are for.'),
      column('Hosts', '.spec.hosts', 'Hosts that the routes are for.'),
      AGE,
    ],
  },
  spec,
);
