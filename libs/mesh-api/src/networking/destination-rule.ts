import { matchLabelsSelector } from '../attachment.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { list, textMap, texts } from '../schema/collection-fields.js';
import { required, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { trafficPolicy } from './traffic-policy.js';

const subset = object('A part of the endpoints.', {
  name: required(text('Name that routes use.')),
  labels: textMap('Labels of the endpoints.'),
  trafficPolicy,
});
export type Subset = TypeOf<typeof subset>;

const spec = object('What happens after the route was chosen.', {
  host: required(text('Host name of the service; a short name is in the namespace of the resource.')),
  trafficPolicy,
  subsets: list('Parts of the service.', subset),
  exportTo: texts('Namespaces that see it: a name, . or *.'),
  workloadSelector: matchLabelsSelector('Clients that it is for. Default all.'),
});
export type DestinationRuleSpec = TypeOf<typeof spec>;

export const DESTINATION_RULES = meshKind(
  {
    group: 'networking.istio.io',
    kind: 'DestinationRule',
    plural: 'destinationrules',
    shortNames: ['dr'],
    versions: ['v1', 'v1beta1', 'v1alpha3'],
    columns: [column('Host', '.spec.host', 'Host name of the service.'), AGE],
  },
  spec,
);
