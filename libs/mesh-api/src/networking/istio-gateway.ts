import { meshKind } from '../mesh-kind.js';
import { list, textMap, texts } from '../schema/collection-fields.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { text, uint32 } from '../schema/scalar-fields.js';
import { serverTls } from './tls-settings.js';

export const serverPort = object('A port.', {
  number: required(uint32('Port number.')),
  protocol: required(text('HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TCP, TLS or MONGO.')),
  name: required(text('Name.')),
  targetPort: uint32('Not supported.'),
});
export type ServerPort = TypeOf<typeof serverPort>;

const server = object('A port that the gateway opens.', {
  name: text('Name.'),
  port: required(serverPort),
  bind: text('Address to listen on, or a unix:// path.'),
  hosts: required(texts('Hosts that are served: name, namespace/name or */name.')),
  tls: vital(serverTls),
  defaultEndpoint: text('Not used by gateways.'),
});
export type GatewayServer = TypeOf<typeof server>;

const spec = object('Ports that proxies at the edge open.', {
  selector: vital(textMap('Labels of the proxies.')),
  servers: list('The ports.', server),
});
export type IstioGatewaySpec = TypeOf<typeof spec>;

export const ISTIO_GATEWAYS = meshKind(
  {
    group: 'networking.istio.io',
    kind: 'Gateway',
    plural: 'gateways',
    shortNames: ['gw'],
    versions: ['v1', 'v1beta1', 'v1alpha3'],
  },
  spec,
);
