import { ATTACHMENT_GROUPS, attachmentFields } from '../attachment.js';
import { describe, type FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list, map } from '../schema/collection-fields.js';
import { refined, required, withSchema, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { choice, duration, flag, number, text } from '../schema/scalar-fields.js';
import { expressionFault } from './envoy-expression.js';

const providers = list(
  'Who gets it. Default those of the mesh.',
  object('A provider of the mesh config.', {
    name: required(text('Name.', { minLength: 1 })),
  }),
);
const mode = choice('Side of the proxy. Default both.', ['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']);

const named = (description: string) =>
  object(description, { name: required(text('Name.', { minLength: 1 })), defaultValue: text('If it has no value.') });

const customTag = object(
  'A tag.',
  {
    literal: object('A fixed value.', { value: required(text('Value.', { minLength: 1 })) }),
    environment: named('From the environment of the proxy.'),
    header: named('From a request header.'),
    formatter: object('From a format of the access log.', { value: required(text('Format.', { minLength: 1 })) }),
  },
  {
    exclusion: 'schema',
    atMostOne: [['literal', 'environment', 'header', 'formatter']],
    refine: (value, at, self) => {
      if (Object.values(at).some((field) => field.present)) return value;
      self.error('has no source', 'set literal, environment, header or formatter');
      return undefined;
    },
  },
);

const tracing = object('Spans.', {
  match: object('Only some.', { mode }),
  providers: refined(providers, (items, reader) => {
    if (items.length > 1) reader.warn('has more than one provider', 'keep one: only the first is used');
    return items;
  }),
  randomSamplingPercentage: withSchema(number('Of requests.', 0, 100), { nullable: true }),
  disableSpanReporting: flag('No spans.'),
  disableContextPropagation: flag('No trace headers.'),
  customTags: map('More tags.', customTag, {
    key: (key, reader) => {
      if (key === '') reader.error('has an empty name', 'name the tag');
      return key !== '';
    },
  }),
  useRequestIdForTraceSampling: flag('The request ID says whether a request is sampled. Default true.'),
  enableIstioTags: flag('The tags of the mesh. Default true.'),
});

function isUsable(expression: string, reader: FieldReader): boolean {
  const found = expressionFault(expression);
  if (found === null) return true;
  const text = `${describe(expression)} ${found.fault}`;
  if (found.severity === 'error') reader.error(text, found.cure);
  else reader.warn(text, found.cure);
  return found.severity === 'warning';
}

const tagOverride = object(
  'What becomes of a tag.',
  { operation: choice('Default UPSERT.', ['UPSERT', 'REMOVE']), value: text('CEL expression.') },
  {
    refine: (value, at, self) => {
      const { operation = 'UPSERT', value: expression = '' } = value;
      if (operation === 'UPSERT' && expression === '')
        self.error('has no value', 'write a CEL expression, or use REMOVE');
      if (operation === 'REMOVE' && expression !== '') at.value.error('is set with REMOVE', 'remove it, or use UPSERT');
      if ((operation === 'UPSERT') !== (expression !== '')) return undefined;
      if (expression.includes(')%')) at.value.error('has )% in it', 'write a space between them');
      else if (expression === '' || isUsable(expression, at.value)) return value;
      return undefined;
    },
  },
);

const METRICS = [
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
] as const;

const override = object('A change.', {
  match: object(
    'Of which metrics. Default all.',
    {
      metric: choice('A metric of the mesh.', METRICS),
      customMetric: text('Another metric.', { minLength: 1 }),
      mode,
    },
    { atMostOne: [['metric', 'customMetric']] },
  ),
  disabled: flag('The metric is not made.'),
  tagOverrides: map('By tag.', tagOverride, {
    key: (key, reader) => {
      if (key === '') reader.warn('has an empty name', 'name the tag');
      return key !== '';
    },
  }),
});

const metrics = object('Metrics.', {
  providers,
  overrides: list('Changes.', override),
  reportingInterval: duration('Time between reports of long TCP connections.'),
});

/** An entry whose filter cannot be read is left out: without it, it would log everything. */
const accessLogging = object(
  'Access log.',
  {
    match: object('Only some.', { mode }),
    providers,
    disabled: flag('No log.'),
    filter: object('Only some entries.', {
      expression: refined(text('CEL expression.'), (expression, reader) =>
        expression === '' || isUsable(expression, reader) ? expression : undefined,
      ),
    }),
  },
  { whole: true },
);

const spec = object(
  'What is told of traffic.',
  {
    ...attachmentFields,
    tracing: refined(list('Spans.', tracing), (items, reader) => {
      if (items.length > 1) reader.warn('has more than one entry', 'keep one: only the first is used');
      return items;
    }),
    metrics: list('Metrics.', metrics),
    accessLogging: list('Access log.', accessLogging),
  },
  { atMostOne: ATTACHMENT_GROUPS, exclusion: 'cel' },
);
export type TelemetrySpec = TypeOf<typeof spec>;

export const TELEMETRIES = meshKind(
  {
    group: 'telemetry.istio.io',
    kind: 'Telemetry',
    plural: 'telemetries',
    shortNames: ['telemetry'],
    versions: ['v1', 'v1alpha1'],
    storedVersion: 'v1alpha1',
  },
  spec,
);
