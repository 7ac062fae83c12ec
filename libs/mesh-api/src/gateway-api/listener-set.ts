import { conditionsSchema } from '../crds/schema.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { defaulted, required, withSchema, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { listeners, LISTENERS_RULES } from './listener.js';
import { apiGroup, apiKind, GATEWAY_API_GROUP, namespaceName, objectName } from './references.js';
import { listenersStatus } from './route-status.js';

const spec = object('Listeners that are added to a Gateway.', {
  parentRef: required(
    object('The Gateway.', {
      group: defaulted(apiGroup, GATEWAY_API_GROUP),
      kind: defaulted(apiKind, 'Gateway'),
      name: required(objectName('Its name.')),
      namespace: namespaceName,
    }),
  ),
  listeners: required(
    withSchema(listeners, {
      'x-kubernetes-validations': LISTENERS_RULES,
    }),
  ),
});
export type ListenerSetSpec = TypeOf<typeof spec>;

const condition = (type: string) => `.status.conditions[?(@.type=="${type}")].status`;

export const LISTENER_SETS = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'ListenerSet',
    plural: 'listenersets',
    shortNames: ['lset'],
    versions: ['v1'],
    columns: [
      column('Accepted', condition('Accepted'), 'Whether the Gateway takes them.'),
      column('Programmed', condition('Programmed'), 'Whether they work.'),
      AGE,
    ],
    status: {
      instead: {
        type: 'object',
        description: 'What was made of the listeners.',
        properties: { conditions: conditionsSchema, listeners: listenersStatus },
      },
    },
  },
  spec,
);
