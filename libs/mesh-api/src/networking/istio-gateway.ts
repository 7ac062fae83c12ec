import { describe, type FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list, textMap } from '../schema/collection-fields.js';
import { refined, required, vital, type TypeOf } from '../schema/field.js';
import { DNS_LABEL, FULL_HOST_PATTERN } from '../schema/format.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { without } from '../schema/without.js';
import { isIp } from './hosts.js';
import { portNumber } from './service-port.js';
import { serverTls } from './tls-settings.js';

const PROTOCOLS = [
  'HTTP',
  'HTTPS',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'TCP',
  'TLS',
  'MONGO',
  'HTTP_PROXY',
  'HBONE',
  'MYSQL',
  'REDIS',
];
const TLS_PROTOCOLS = new Set(['HTTPS', 'TLS']);
const HTTP_PROTOCOLS = new Set(['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB']);

export const protocol = (description: string) =>
  refined(text(description), (value, reader) => {
    if (PROTOCOLS.includes(value.toUpperCase())) return value;
    reader.error(`${describe(value)} is not a known protocol`, `use one of ${PROTOCOLS.join(', ')}`);
    return undefined;
  });

const serverPort = object(
  'A port.',
  {
    number: required(portNumber('Port number.')),
    protocol: required(protocol('HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TCP, TLS or MONGO.')),
    name: required(text('Name.')),
    targetPort: portNumber('Not supported.'),
  },
  {
    refine: (value, at) => {
      if (at.targetPort.present) at.targetPort.error('is not supported', 'remove it: a gateway listens on number');
      if (value.name === '') at.name.error('is empty', 'name the port');
      return without(value, 'targetPort');
    },
  },
);

const hosts = refined(list('Hosts that are served: name, namespace/name or */name.', text('')), (names, reader) => {
  const items = reader.list();
  if (names.length === 0) reader.error('is empty', 'name at least one host, or *');
  const good = names.filter((name, i) => isServedHost(name, items[i]!));
  return good.length === 0 ? undefined : good;
});

function isServedHost(text: string, reader: FieldReader): boolean {
  const parts = text.split('/');
  const [namespace, host] = parts.length === 2 ? (parts as [string, string]) : ['*', text];
  if (parts.length > 2 || !(namespace === '*' || namespace === '.' || DNS_LABEL.fault(namespace) === null)) {
    reader.error(`${describe(text)} is not namespace/host`, 'write host, namespace/host, ./host or */host');
    return false;
  }
  const fault = FULL_HOST_PATTERN.fault(host);
  if (fault !== null) reader.error(`${describe(host)} ${fault}`, FULL_HOST_PATTERN.cure);
  return fault === null;
}

const serverFields = {
  name: text('Name.'),
  port: required(serverPort),
  bind: refined(text('Address to listen on, or a unix:// path.'), (bind, reader) => {
    if (bind === '' || isIp(bind) || bind.startsWith('unix:///')) return bind;
    reader.error(`${describe(bind)} is not an address`, 'write an IP address, or unix:///path');
    return undefined;
  }),
  hosts: required(hosts),
  tls: serverTls,
  defaultEndpoint: text('Not used by gateways.'),
} as const;

const server = object('A port that the gateway opens.', serverFields, { refine: checkServer });

/** Undefined where TLS and protocol contradict each other: the port would serve what it must not. */
function checkServer(
  value: ObjectOf<typeof serverFields>,
  at: Readonly<Record<keyof typeof serverFields, FieldReader>>,
): ObjectOf<typeof serverFields> | undefined {
  const name = value.port.protocol.toUpperCase();
  if (at.name.present && value.name !== undefined && DNS_LABEL.fault(value.name) !== null && value.name !== '')
    at.name.error(`${describe(value.name)} is not a DNS label`, DNS_LABEL.cure);
  if (TLS_PROTOCOLS.has(name) && value.tls === undefined) {
    at.tls.error(`is missing with protocol ${name}`, 'set tls, or another protocol');
    return undefined;
  }
  const redirects = value.tls?.httpsRedirect === true;
  if (redirects && !HTTP_PROTOCOLS.has(name))
    at.tls.field('httpsRedirect').warn(`has no effect with protocol ${name}`, 'set it on the HTTP server');
  if (value.tls !== undefined && HTTP_PROTOCOLS.has(name) && !redirects) {
    at.tls.error(`is set with protocol ${name}`, 'use protocol HTTPS, or remove it');
    return undefined;
  }
  return value;
}

const spec = object(
  'Ports that proxies at the edge open.',
  { selector: vital(textMap('Labels of the proxies.')), servers: list('The ports.', server) },
  {
    refine: (value, at) => {
      const items = at.servers.list();
      if (items.length === 0) at.servers.error('is empty', 'write at least one server');
      const names = items.map((item) => item.field('port').field('name').text());
      names.forEach((name, i) => {
        if (name !== undefined && names.indexOf(name) < i)
          items[i]!.field('port')
            .field('name')
            .error(`${describe(name)} is there twice`, 'give each port its own name');
      });
      return value;
    },
  },
);
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
