import { describe, type FieldReader } from '../field-reader.js';
import { texts } from '../schema/collection-fields.js';
import { required, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { text } from '../schema/scalar-fields.js';
import {
  extAuthzGrpc,
  extAuthzHttp,
  fileLog,
  httpAls,
  opentelemetry,
  otelAls,
  tcpAls,
  zipkin,
} from './provider-fields.js';

const KINDS = {
  envoyExtAuthzHttp: extAuthzHttp,
  envoyExtAuthzGrpc: extAuthzGrpc,
  opentelemetry,
  zipkin,
  envoyFileAccessLog: fileLog,
  envoyHttpAls: httpAls,
  envoyTcpAls: tcpAls,
  envoyOtelAls: otelAls,
  prometheus: object('Metrics that are fetched.', {}),
} as const;

/** Known to Istio, not made here. */
const OTHER_KINDS = ['stackdriver', 'datadog', 'lightstep', 'opencensus', 'skywalking', 'sds'];

/** Names go into names of policies, which Envoy compares by prefix. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const provider = object(
  'Something that proxies talk to.',
  { name: required(text('Name.', { minLength: 1 })), ...KINDS },
  {
    whole: true,
    exactlyOne: Object.keys(KINDS) as (keyof typeof KINDS)[],
    refine: (value, at) => {
      if (NAME.test(value.name)) return value;
      at.name.error(`${describe(value.name)} is not a name`, 'use lower-case letters, digits and dashes, at most 63');
      return undefined;
    },
  },
);
export type ExtensionProvider = TypeOf<typeof provider>;

/** Those that everybody has. */
export const BUILT_IN_PROVIDERS: readonly ExtensionProvider[] = [
  { name: 'prometheus', prometheus: {} },
  { name: 'envoy', envoyFileAccessLog: { path: '/dev/stdout' } },
];

/** Reads the list; the first of a name counts, and what is not made here is said once and left out. */
export function readProviders(reader: FieldReader): readonly ExtensionProvider[] {
  const seen = new Set<string>();
  return reader.list().flatMap((item) => {
    const name = item.field('name').text();
    const other = OTHER_KINDS.find((kind) => item.field(kind).present);
    if (other !== undefined) {
      item.field(other).warn('is not supported', 'use opentelemetry or zipkin for spans, envoyOtelAls for logs');
      return [];
    }
    if (name !== undefined && seen.has(name)) {
      item.field('name').error(`${describe(name)} is there twice`, 'rename one of the two');
      return [];
    }
    if (name !== undefined) seen.add(name);
    return provider.read(item) ?? [];
  });
}

export const defaultProviders = object('Used where a Telemetry names none.', {
  tracing: texts('Names.'),
  metrics: texts('Names.'),
  accessLogging: texts('Names.'),
});
