import { labelsSelector } from '../attachment.js';
import { describe, type FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list, texts } from '../schema/collection-fields.js';
import { refined, required } from '../schema/field.js';
import { DNS_LABEL, HOST_PATTERN } from '../schema/format.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { choice, text } from '../schema/scalar-fields.js';
import { destination } from './destination.js';
import { protocol } from './istio-gateway.js';
import { portNumber } from './service-port.js';
import { serverTls } from './tls-settings.js';
import { connectionPool } from './traffic-policy.js';

const port = object('A port.', {
  number: portNumber('Port number.'),
  protocol: protocol('Its protocol.'),
  name: text('Name.'),
  targetPort: portNumber('Not used.'),
});
const captureMode = choice('How traffic comes to the sidecar.', ['DEFAULT', 'IPTABLES', 'NONE']);
const LOCAL = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|::1):(\d{1,5})$/;

const defaultEndpoint = refined(
  text('Where the application listens: 127.0.0.1:port, 0.0.0.0:port or unix:///path.'),
  (value, reader) => {
    const number = Number(LOCAL.exec(value)?.[2] ?? '0');
    if (value === '' || value.startsWith('unix:///') || (number >= 1 && number <= 65_535)) return value;
    reader.error(
      `${describe(value)} is not in this pod`,
      'write 127.0.0.1:port, 0.0.0.0:port, [::1]:port or unix:///path',
    );
    return undefined;
  },
);

const INGRESS_TLS_MODES = new Set(['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL']);

const ingress = object(
  'A port that the sidecar opens for its application.',
  {
    port: required(port),
    bind: text('Address to listen on.'),
    captureMode,
    defaultEndpoint,
    tls: serverTls,
    connectionPool,
  },
  {
    refine: (value, at) => {
      if (value.port.number === undefined) at.port.error('has no number', 'set port.number');
      const mode = value.tls?.mode;
      if (value.tls !== undefined && !(mode !== undefined && INGRESS_TLS_MODES.has(mode)))
        at.tls.error(`has mode ${mode ?? 'PASSTHROUGH'}`, `use ${[...INGRESS_TLS_MODES].join(' or ')}`);
      const name = value.port.protocol?.toUpperCase() ?? '';
      if (value.connectionPool?.http !== undefined && !/^(HTTP|HTTP2|GRPC|GRPC-WEB)$/.test(name))
        at.connectionPool.field('http').warn(`has no effect on protocol ${name}`, 'remove it');
      return value.port.number === undefined ? undefined : value;
    },
  },
);

const egressHosts = refined(texts('namespace/host; . is its own namespace, * any, ~ none.'), (names, reader) => {
  const items = reader.list();
  if (names.length === 0) reader.error('is empty', 'name at least one, such as ./* or */*');
  const good = names.filter((name, i) => {
    const [namespace = '', host, ...rest] = name.split('/');
    const known = namespace === '*' || namespace === '.' || namespace === '~' || DNS_LABEL.fault(namespace) === null;
    if (host !== undefined && rest.length === 0 && known && HOST_PATTERN.fault(host) === null) {
      if (names.indexOf(name) < i) items[i]!.warn(`${describe(name)} is there twice`, 'remove one');
      return names.indexOf(name) === i;
    }
    items[i]!.error(`${describe(name)} is not namespace/host`, 'write ./*, */host.example.com or namespace/host');
    return false;
  });
  if (good.includes('*/*') && good.length > 1) reader.warn('has */* beside others', 'keep only */*');
  return good.length === 0 && names.length > 0 ? undefined : good;
});

const egress = object('Services that the sidecar knows.', {
  port,
  bind: text('Address to listen on.'),
  captureMode,
  hosts: required(egressHosts),
});

const fields = {
  workloadSelector: labelsSelector('Pods that it is for. Default all of the namespace.'),
  ingress: list('Ports that the sidecar opens.', ingress),
  egress: list('Services that the sidecar knows. Default all.', egress),
  outboundTrafficPolicy: object(
    'What happens to connections to hosts that it does not know.',
    { mode: choice('Default that of the mesh.', ['REGISTRY_ONLY', 'ALLOW_ANY']), egressProxy: destination },
    {
      refine: (value, at) => {
        if (value.egressProxy === undefined) return value;
        if (value.mode !== 'ALLOW_ANY') at.egressProxy.error('needs mode ALLOW_ANY', 'set mode: ALLOW_ANY');
        if (value.egressProxy.port === undefined) at.egressProxy.error('has no port', 'set port.number');
        return value;
      },
    },
  ),
  inboundConnectionPool: connectionPool,
} as const;

const spec = object('What a sidecar knows and opens.', fields, { refine: checkSidecar });

function checkSidecar(
  value: ObjectOf<typeof fields>,
  at: Readonly<Record<keyof typeof fields, FieldReader>>,
  self: FieldReader,
): ObjectOf<typeof fields> {
  if (!Object.values(at).some((field) => field.present)) self.error('is empty', 'write ingress, egress or a policy');
  const listeners = at.egress.list();
  listeners.forEach((listener, i) => {
    const number = listener.field('port').field('number');
    if (!listener.field('port').present && i < listeners.length - 1)
      listener.error('takes all ports, and others come after it', 'move it to the end');
    const earlier = listeners
      .slice(0, i)
      .some((other) => other.field('port').field('number').canonical() === number.canonical());
    if (earlier && number.present) number.error('is there twice', 'give each listener its own port');
  });
  const numbers = at.ingress.list().map((listener) => listener.field('port').field('number'));
  numbers.forEach((number, i) => {
    const earlier = numbers.slice(0, i).some((other) => other.canonical() === number.canonical());
    if (earlier && number.present) number.error('is there twice', 'give each listener its own port');
  });
  return value;
}

export const SIDECARS = meshKind(
  {
    group: 'networking.istio.io',
    kind: 'Sidecar',
    plural: 'sidecars',
    versions: ['v1', 'v1beta1', 'v1alpha3'],
  },
  spec,
);
