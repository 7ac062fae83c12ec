import { meshKind } from '../mesh-kind.js';
import { list } from '../schema/collection-fields.js';
import { required, type TypeOf } from '../schema/field.js';
import { WILDCARD_HOST } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { GATEWAY_API_GROUP, parentRefs, plainBackendRef, sectionName } from './references.js';
import { routeStatus } from './route-status.js';

const rules = required(
  list(
    'The route.',
    object('A route.', {
      name: sectionName('Name, for logs and status.'),
      backendRefs: required(
        list('Where connections go.', plainBackendRef, { minItems: 1, maxItems: 16, type: 'atomic' }),
      ),
    }),
    { minItems: 1, maxItems: 1, type: 'atomic' },
  ),
);

const tcpSpec = object('A route of TCP connections.', { parentRefs, rules });
export type TcpRouteSpec = TypeOf<typeof tcpSpec>;

const tlsSpec = object('A route of TLS connections by the name in the handshake.', {
  parentRefs,
  hostnames: required(
    list('Names in the handshake.', text('Host.', { format: WILDCARD_HOST }), {
      minItems: 1,
      maxItems: 1024,
      type: 'atomic',
    }),
  ),
  rules,
});
export type TlsRouteSpec = TypeOf<typeof tlsSpec>;

export const TCP_ROUTES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'TCPRoute',
    plural: 'tcproutes',
    versions: ['v1', 'v1alpha2'],
    status: { instead: routeStatus },
  },
  tcpSpec,
);

export const TLS_ROUTES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'TLSRoute',
    plural: 'tlsroutes',
    versions: ['v1', 'v1alpha3', 'v1alpha2'],
    status: { instead: routeStatus },
  },
  tlsSpec,
);
