import { meshKind } from '../mesh-kind.js';
import { list } from '../schema/collection-fields.js';
import { required, type TypeOf } from '../schema/field.js';
import { DNS_LABEL } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { apiGroup, apiKind, GATEWAY_API_GROUP, objectName } from './references.js';

const spec = object('References from other namespaces to this one.', {
  from: required(
    list(
      'Who may refer.',
      object('Resources of a kind and namespace.', {
        group: required(apiGroup),
        kind: required(apiKind),
        namespace: required(text('Namespace.', { format: DNS_LABEL })),
      }),
      { minItems: 1, maxItems: 16, type: 'atomic' },
    ),
  ),
  to: required(
    list(
      'To what.',
      object(
        'Resources of a kind.',
        { group: required(apiGroup), kind: required(apiKind), name: objectName('Only this one.') },
        { whole: true },
      ),
      { minItems: 1, maxItems: 16, type: 'atomic' },
    ),
  ),
});
export type ReferenceGrantSpec = TypeOf<typeof spec>;

export const REFERENCE_GRANTS = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'ReferenceGrant',
    plural: 'referencegrants',
    shortNames: ['refgrant'],
    versions: ['v1', 'v1beta1'],
    storedVersion: 'v1beta1',
    status: { instead: { type: 'object', description: 'Not used.' } },
  },
  spec,
);
