import { covers, isIp } from './hosts.js';
import type { FieldReader } from '../field-reader.js';
import { describe } from '../field-reader.js';
import { column, meshKind, AGE } from '../mesh-kind.js';
import { list, textMap, texts } from '../schema/collection-fields.js';
import { assumed, refined, required, vital, type TypeOf } from '../schema/field.js';
import { CIDR, DNS_LABEL, HOST_PATTERN } from '../schema/format.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { destination } from './destination.js';
import { exportTo } from './export-to.js';
import { CLAIM_HEADER_PREFIX } from './http-match.js';
import { hasWeight, httpRoute, weight } from './http-route.js';
import { portNumber } from './service-port.js';
import { warnUnreachable } from './unreachable-routes.js';

export const MESH_GATEWAY = 'mesh';

const l4MatchFields = {
  destinationSubnets: list('Addresses that the client asked for.', text('', { format: CIDR })),
  port: portNumber('Port that the client asked for.'),
  sourceLabels: textMap('Labels of the client; not seen by waypoints.'),
  sourceNamespace: text('Namespace of the client.'),
  gateways: texts('In place of the gateways of the resource.'),
} as const;

const l4Destinations = refined(
  list('Where connections go.', object('A share of the connections.', { destination: required(destination), weight })),
  (destinations, reader) => (hasWeight(destinations, reader) ? destinations : undefined),
);
export type L4Destination = TypeOf<typeof l4Destinations>[number];

const needsRoute = <T extends { readonly route: readonly unknown[] }>(
  value: T,
  at: { readonly route: FieldReader },
  self: FieldReader,
): T => {
  if (at.route.list().length === 0) self.error('has no route', 'write where connections go');
  return value;
};

const tcpRoute = object(
  'A route of TCP connections; without a destination that can be told they are closed.',
  {
    match: vital(
      list(
        'Any of these; without any every connection.',
        object(
          'All conditions must hold.',
          { ...l4MatchFields, sourceSubnet: text('Address of the client.', { format: CIDR }) },
          { whole: true },
        ),
      ),
    ),
    route: l4Destinations,
  },
  { refine: needsRoute },
);
export type TcpRouteRule = TypeOf<typeof tcpRoute>;

const tlsMatch = object(
  'All conditions must hold.',
  {
    ...l4MatchFields,
    sniHosts: required(list('Names that the client asks for in the handshake.', text('', { format: HOST_PATTERN }))),
  },
  {
    whole: true,
    refine: (value, at) => {
      if (value.sniHosts.length === 0) at.sniHosts.error('is empty', 'name at least one host');
      at.sniHosts.list().forEach((item) => {
        if (isIp(item.text() ?? ''))
          item.warn('is an address, which no client asks for in the handshake', 'use a host name');
      });
      return value.sniHosts.length === 0 ? undefined : value;
    },
  },
);

const tlsRoute = object(
  'A route of TLS connections that are not terminated.',
  { match: required(list('Any of these.', tlsMatch)), route: l4Destinations },
  { refine: needsRoute },
);
export type TlsRouteRule = TypeOf<typeof tlsRoute>;

const gateways = refined(
  assumed(texts(`Gateways that the routes are for; ${MESH_GATEWAY} for clients in the mesh.`), [MESH_GATEWAY]),
  (names, reader) => {
    const items = reader.list();
    return names.filter((name, i) => {
      const parts = name.split('/');
      if (parts.length <= 2 && parts.every((part) => DNS_LABEL.fault(part.replaceAll('.', '-')) === null)) {
        if (name.includes('.'))
          items[i]!.warn(
            'is in the old format name.namespace',
            `write ${name.split('.').slice(0, 2).reverse().join('/')}`,
          );
        return true;
      }
      items[i]!.error(`${describe(name)} is not a gateway`, 'write name, namespace/name or mesh');
      return false;
    });
  },
);

const fields = {
  hosts: list(
    'Hosts that requests are addressed to; short names are in the namespace of the resource.',
    text('', { format: HOST_PATTERN }),
  ),
  gateways,
  http: list('Routes of HTTP requests, in order.', httpRoute),
  tls: list('Routes of TLS connections, in order.', tlsRoute),
  tcp: list('Routes of TCP connections, in order.', tcpRoute),
  exportTo,
} as const;
type At = Readonly<Record<keyof typeof fields, FieldReader>>;

const spec = object('Routes for hosts.', fields, {
  refine: (value, at, self) => {
    if (!at.http.present && !at.tcp.present && !at.tls.present) self.error('has no routes', 'write http, tls or tcp');
    warnUnreachable(at.http, 'request');
    warnUnreachable(at.tls, 'connection');
    warnUnreachable(at.tcp, 'connection');
    checkClaims(value, at);
    if (!at.hosts.present) return checkDelegate(value, at);
    return checkHosts(value, at);
  },
});
export type VirtualServiceSpec = TypeOf<typeof spec>;
export type HttpRouteRule = VirtualServiceSpec['http'][number];

type Spec = ObjectOf<typeof fields>;

/** Without hosts it has routes for another VirtualService. */
function checkDelegate(value: Spec, at: At): Spec {
  for (const name of ['gateways', 'tls', 'tcp'] as const)
    if (at[name].present)
      at[name].error('is set, but there are no hosts', 'write hosts, or remove it: a delegate has only http');
  for (const route of at.http.list()) {
    const delegate = route.field('delegate');
    if (delegate.present) delegate.error('is set in a delegate', 'write the routes: a delegate cannot delegate again');
  }
  return value;
}

function checkHosts(value: Spec, at: At): Spec | undefined {
  const items = at.hosts.list();
  if (at.hosts.items()?.length === 0) at.hosts.error('is empty', 'name at least one host');
  const hosts = value.hosts.filter((host, i) => {
    const earlier = value.hosts.slice(0, i).find((other) => covers(other, host) || covers(host, other));
    if (earlier !== undefined) items[i]?.error(`${host} and ${earlier} have hosts in common`, 'keep one of them');
    if (host === '*' && value.gateways.includes(MESH_GATEWAY)) {
      items[i]?.error('is any host, which in the mesh would be every service', 'name the hosts, or the gateways');
      return false;
    }
    return earlier === undefined;
  });
  checkSniHosts(hosts, at.tls);
  return hosts.length === 0 ? undefined : { ...value, hosts };
}

function checkSniHosts(hosts: readonly string[], tls: FieldReader): void {
  const matches = tls.list().flatMap((route) => route.field('match').list());
  for (const item of matches.flatMap((match) => match.field('sniHosts').list())) {
    const name = item.text() ?? '';
    if (name !== '' && !hosts.some((host) => covers(host, name)))
      item.error(`${describe(name)} is none of spec.hosts`, 'add it to spec.hosts, or use one of them');
  }
}

/** Tokens are known where they are verified: at gateways. */
function checkClaims({ gateways: names }: Spec, at: At): void {
  for (const match of at.http.list().flatMap((route) => route.field('match').list())) {
    const own = match.field('gateways').texts();
    if (!(own.length > 0 ? own : names).includes(MESH_GATEWAY)) continue;
    const conditions = [...match.field('headers').entries(), ...match.field('withoutHeaders').entries()];
    for (const [key, item] of conditions)
      if (key.startsWith(CLAIM_HEADER_PREFIX))
        item.error('asks for a claim of a token, in the mesh', 'bind the routes to gateways only');
  }
}

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
