import { conditionsSchema } from '../crds/schema.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { required, withSchema } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { apiGroup, apiKind, GATEWAY_API_GROUP, namespaceName, objectName } from './references.js';

const spec = object('A kind of gateway.', {
  controllerName: required(
    withSchema(text('Who makes such gateways.', { minLength: 1, maxLength: 253 }), {
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'field is immutable' }],
    }),
  ),
  parametersRef: object('Defaults of the class.', {
    group: required(apiGroup),
    kind: required(apiKind),
    name: required(objectName('Its name.')),
    namespace: namespaceName,
  }),
  description: text('For people.', { maxLength: 64 }),
});

export const GATEWAY_CLASSES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'GatewayClass',
    plural: 'gatewayclasses',
    shortNames: ['gc'],
    versions: ['v1', 'v1beta1'],
    namespaced: false,
    columns: [
      column('Controller', '.spec.controllerName', 'Who makes such gateways.'),
      column('Accepted', '.status.conditions[?(@.type=="Accepted")].status', 'Whether there is one who does.'),
      AGE,
    ],
    status: {
      instead: {
        type: 'object',
        description: 'What was made of the class.',
        properties: {
          conditions: conditionsSchema,
          supportedFeatures: {
            type: 'array',
            description: 'Features of the Gateway API, sorted.',
            maxItems: 64,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name'],
              properties: { name: { type: 'string', description: 'Name of the feature.' } },
            },
          },
        },
      },
    },
  },
  spec,
);
