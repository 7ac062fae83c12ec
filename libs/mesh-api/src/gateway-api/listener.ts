import type { FieldReader } from '../field-reader.js';
import { list, textMap } from '../schema/collection-fields.js';
import { defaulted, refined, required, vital, withSchema, type TypeOf } from '../schema/field.js';
import { WILDCARD_HOST } from '../schema/format.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { choice, port, text } from '../schema/scalar-fields.js';
import { apiGroup, apiKind, GATEWAY_API_GROUP, secretRef, sectionName } from './references.js';

export const namespaceSelector = withSchema(
  object('Selects namespaces by their labels.', {
    matchLabels: textMap('Label values.'),
    matchExpressions: list(
      'All of these.',
      object('A condition.', {
        key: required(text('Label.')),
        operator: required(text('In, NotIn, Exists or DoesNotExist.')),
        values: list('Values.', text('A value.'), { type: 'atomic' }),
      }),
      { type: 'atomic' },
    ),
  }),
  { 'x-kubernetes-map-type': 'atomic' },
);
export type NamespaceSelector = TypeOf<typeof namespaceSelector>;

const allowedRoutes = object('Which routes may attach.', {
  namespaces: defaulted(
    object('From which namespaces.', {
      from: defaulted(choice('Which.', ['All', 'Selector', 'Same']), 'Same'),
      selector: vital(namespaceSelector),
    }),
    { from: 'Same' },
  ),
  kinds: list(
    'Kinds of routes. Default those that fit the protocol.',
    object('A kind.', { group: defaulted(apiGroup, GATEWAY_API_GROUP), kind: required(apiKind) }),
    { maxItems: 8, type: 'atomic' },
  ),
});

const listenerTls = object(
  'TLS.',
  {
    mode: defaulted(choice('Who ends TLS.', ['Terminate', 'Passthrough']), 'Terminate'),
    certificateRefs: list('Certificates.', secretRef, { maxItems: 64, type: 'atomic' }),
    options: textMap('More, by implementation.', { maxProperties: 16 }),
  },
  {
    rules: [
      {
        rule: "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true",
        message: 'certificateRefs or options must be specified when mode is Terminate',
      },
    ],
  },
);

const listenerFields = {
  name: required(sectionName('Name.')),
  hostname: text('Host that is served. Default any.', { format: WILDCARD_HOST }),
  port: required(port('Port number.')),
  protocol: required(text('HTTP, HTTPS, TLS, TCP or HBONE.', { minLength: 1, maxLength: 255 })),
  tls: listenerTls,
  allowedRoutes: {
    ...defaulted(allowedRoutes, { namespaces: { from: 'Same' }, kinds: [] }),
    schema: { ...allowedRoutes.schema, default: { namespaces: { from: 'Same' } } },
  },
} as const;

export const listener = object('A port that is opened.', listenerFields, { refine: checkListener });
export type Listener = TypeOf<typeof listener>;

type At = Readonly<Record<keyof typeof listenerFields, FieldReader>>;

/** Only told: whoever opens the ports sets the state of each listener. */
function checkListener(value: ObjectOf<typeof listenerFields>, at: At): ObjectOf<typeof listenerFields> {
  const { protocol, tls, hostname = '' } = value;
  const isPlain = protocol === 'TCP' || protocol === 'UDP';
  if (tls !== undefined && (isPlain || protocol === 'HTTP'))
    at.tls.error(`is set with protocol ${protocol}`, 'use protocol HTTPS or TLS, or remove it');
  if (protocol === 'HTTPS' && tls?.mode === 'Passthrough')
    at.tls.field('mode').error('is Passthrough with protocol HTTPS', 'use Terminate, or protocol TLS');
  if (tls?.mode === 'Terminate' && tls.certificateRefs.length === 0 && Object.keys(tls.options).length === 0)
    at.tls.error('ends TLS without a certificate', 'name a Secret in certificateRefs');
  if (isPlain && hostname !== '')
    at.hostname.error(`is set with protocol ${protocol}`, 'remove it: connections do not name their host');
  return value;
}

/** The ports of a Gateway or ListenerSet. */
export const listeners = refined(
  list('The ports.', listener, { minItems: 1, maxItems: 64, keys: ['name'] }),
  (value, reader) => {
    const names = reader.list().map((item) => item.field('name'));
    names.forEach((name, i) => {
      const earlier = names.slice(0, i).some((other) => other.canonical() === name.canonical());
      if (earlier && name.present) name.error('is there twice', 'give each listener its own name');
    });
    return value;
  },
);

export const LISTENERS_RULES = [
  {
    rule: "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
    message: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
  },
  {
    rule: "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
    message: 'tls mode must be Terminate for protocol HTTPS',
  },
  {
    rule: "self.all(l, l.protocol in ['TCP', 'UDP'] ? (!has(l.hostname) || l.hostname == '') : true)",
    message: "hostname must not be specified for protocols ['TCP', 'UDP']",
  },
];
