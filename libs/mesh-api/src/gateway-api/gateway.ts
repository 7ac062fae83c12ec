import { conditionsSchema } from '../crds/schema.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { list, textMap } from '../schema/collection-fields.js';
import { defaulted, required, withSchema, type TypeOf } from '../schema/field.js';
import type { JsonSchema } from '../schema/json-schema.js';
import { object } from '../schema/object-field.js';
import { choice, port, text } from '../schema/scalar-fields.js';
import { listeners, LISTENERS_RULES, namespaceSelector } from './listener.js';
import { GATEWAY_API_GROUP, localObjectRef, objectName, objectRef, secretRef } from './references.js';
import { listenersStatus } from './route-status.js';

const frontendTls = object('Of clients.', {
  validation: object('How the certificate of a client is verified.', {
    caCertificateRefs: required(list('Roots.', objectRef, { minItems: 1, maxItems: 16, type: 'atomic' })),
    mode: defaulted(
      choice('Whether a bad one is refused.', ['AllowValidOnly', 'AllowInsecureFallback']),
      'AllowValidOnly',
    ),
  }),
});

const spec = object('Ports that are opened, at the edge of the mesh or in a waypoint.', {
  gatewayClassName: required(objectName('What kind of gateway.')),
  listeners: required(
    withSchema(listeners, {
      'x-kubernetes-validations': LISTENERS_RULES,
    }),
  ),
  addresses: list(
    'Addresses that are asked for.',
    object('An address.', {
      type: defaulted(text('IPAddress or Hostname.', { minLength: 1, maxLength: 253 }), 'IPAddress'),
      value: text('The address.', { maxLength: 253 }),
    }),
    { maxItems: 16, type: 'atomic' },
  ),
  infrastructure: object('What is made for the Gateway.', {
    labels: textMap('Labels of every object.', { maxProperties: 8 }),
    annotations: textMap('Annotations of every object.', { maxProperties: 16 }),
    parametersRef: localObjectRef,
  }),
  allowedListeners: object('Which ListenerSets may add listeners.', {
    namespaces: defaulted(
      object('From which namespaces.', {
        from: defaulted(choice('Which.', ['All', 'Selector', 'Same', 'None']), 'None'),
        selector: namespaceSelector,
      }),
      { from: 'None' },
    ),
  }),
  tls: object('TLS of the whole gateway.', {
    backend: object('To services.', { clientCertificateRef: secretRef }),
    frontend: object('From clients.', {
      default: required(frontendTls),
      perPort: list(
        'In place of the default.',
        object('Of one port.', { port: required(port('Port number.')), tls: required(frontendTls) }),
        { maxItems: 64, keys: ['port'] },
      ),
    }),
  }),
});
export type GatewaySpec = TypeOf<typeof spec>;

const status: JsonSchema = {
  type: 'object',
  description: 'What was made of the Gateway.',
  properties: {
    addresses: {
      type: 'array',
      description: 'Where it can be reached.',
      maxItems: 16,
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        required: ['value'],
        properties: {
          type: { type: 'string', description: 'IPAddress or Hostname.', default: 'IPAddress' },
          value: { type: 'string', description: 'The address.', minLength: 1, maxLength: 253 },
        },
      },
    },
    attachedListenerSets: { type: 'integer', format: 'int32', description: 'ListenerSets that are attached.' },
    conditions: conditionsSchema,
    listeners: listenersStatus,
  },
};

export const GATEWAYS = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'Gateway',
    plural: 'gateways',
    shortNames: ['gtw'],
    versions: ['v1', 'v1beta1'],
    columns: [
      column('Class', '.spec.gatewayClassName', 'What kind of gateway.'),
      column('Address', '.status.addresses[*].value', 'Where it can be reached.'),
      column('Programmed', '.status.conditions[?(@.type=="Programmed")].status', 'Whether it works.'),
      AGE,
    ],
    status: { instead: status },
  },
  spec,
);
