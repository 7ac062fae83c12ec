import { matchLabelsSelector } from '../attachment.js';
import { describe, type FieldReader } from '../field-reader.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { list, map } from '../schema/collection-fields.js';
import { required, vital, type TypeOf } from '../schema/field.js';
import { HOST_PATTERN, LABEL_KEY, LABEL_VALUE } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import { SUBSET_NAME } from './destination.js';
import { exportTo } from './export-to.js';
import { trafficPolicy } from './traffic-policy.js';

const isLabelKey = (key: string, reader: FieldReader): boolean => {
  const fault = LABEL_KEY.fault(key);
  if (fault !== null) reader.error(fault, LABEL_KEY.cure);
  return fault === null;
};

const subset = object(
  'A part of the endpoints.',
  {
    name: required(text('Name that routes use.', { format: SUBSET_NAME })),
    labels: vital(map('Labels of the endpoints.', text('Value.', { format: LABEL_VALUE }), { key: isLabelKey })),
    trafficPolicy,
  },
  {
    refine: (value, at, self) => {
      // With a label less it would have more endpoints.
      if (Object.keys(value.labels).length < at.labels.entries().length) return undefined;
      if (!at.labels.present && !at.trafficPolicy.present)
        self.warn('has neither labels nor trafficPolicy, so that it is the whole service', 'write labels');
      return value;
    },
  },
);
export type Subset = TypeOf<typeof subset>;

const spec = object(
  'What happens after the route was chosen.',
  {
    host: required(
      text('Host name of the service; a short name is in the namespace of the resource.', { format: HOST_PATTERN }),
    ),
    trafficPolicy,
    subsets: list('Parts of the service.', subset),
    exportTo,
    workloadSelector: matchLabelsSelector('Clients that it is for. Default all.'),
  },
  {
    refine: (value, at) => {
      const items = at.subsets.list();
      const names = items.map((item) => item.field('name').text());
      names.forEach((name, i) => {
        if (name !== undefined && names.indexOf(name) < i)
          items[i]!.field('name').error(`${describe(name)} is there twice`, 'give each subset its own name');
      });
      if (value.workloadSelector !== undefined && value.exportTo.some((namespace) => namespace !== '.'))
        at.exportTo.error('is set beside workloadSelector', 'write only ., or remove one of them');
      const subsets = value.subsets.filter(({ name }, i) => value.subsets.findIndex((one) => one.name === name) === i);
      return { ...value, subsets };
    },
  },
);
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
