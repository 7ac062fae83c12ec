import { describe } from '../field-reader.js';
import { list, map, texts } from '../schema/collection-fields.js';
import { refined, required, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { duration, flag, port, text, uint32 } from '../schema/scalar-fields.js';

const HOST = /^([a-z0-9-]+\/)?[a-zA-Z0-9_.-]+$/;

/** `[namespace/]host` and port: every server of a provider is named in this way. */
const server = {
  service: required(
    refined(text('Host of the server, [namespace/]host.', { minLength: 1 }), (value, reader) => {
      if (HOST.test(value)) return value;
      reader.error(`${describe(value)} is not a host`, 'write authz.security.svc.cluster.local or namespace/host');
      return undefined;
    }),
  ),
  port: required(port('Port of the service.')),
} as const;

const statusOnError = refined(text('Answer when the server cannot be asked.'), (value, reader) => {
  if (/^[45]\d\d$/.test(value)) return value;
  reader.error(`${describe(value)} is not a status`, 'write one from "400" to "599", in quotes');
  return undefined;
});

const body = object('The start of the body goes to the server.', {
  maxRequestBytes: uint32('At most so many bytes.'),
  allowPartialMessage: flag('A longer body is cut; else the request is refused with 413.'),
  packAsBytes: flag('As raw bytes, not as a string.'),
});

const asked = {
  ...server,
  timeout: duration('How long an answer may take.', 0),
  failOpen: flag('Requests pass when the server cannot be asked.'),
  clearRouteCache: flag('Routes are chosen again after the answer.'),
  statusOnError,
  includeRequestBodyInCheck: body,
} as const;

export const extAuthzHttp = object('A server that is asked over HTTP.', {
  ...asked,
  pathPrefix: refined(text('Before the path of the request.'), (value, reader) => {
    if (value.startsWith('/')) return value;
    reader.error(`${describe(value)} does not begin with a slash`, 'write /check');
    return undefined;
  }),
  includeHeadersInCheck: texts('Deprecated.'),
  includeRequestHeadersInCheck: texts('Request headers that the server sees.'),
  includeAdditionalHeadersInCheck: map('Headers that the server is sent.', text('')),
  headersToUpstreamOnAllow: texts('Headers of the answer that go on with the request.'),
  headersToDownstreamOnAllow: texts('Headers of the answer that go to the client with the response.'),
  headersToDownstreamOnDeny: texts('Headers of the answer that go to the client with the refusal.'),
});
export type ExtAuthzHttpProvider = TypeOf<typeof extAuthzHttp>;

export const extAuthzGrpc = object('A server that is asked over gRPC.', asked);
export type ExtAuthzGrpcProvider = TypeOf<typeof extAuthzGrpc>;

const named = list(
  'Sent along.',
  object('A header.', {
    name: required(text('Name.', { minLength: 1 })),
    value: text('Value.'),
    envName: text('Not supported: a variable of the proxy.'),
  }),
);

export const opentelemetry = object('Spans by OTLP.', {
  ...server,
  maxTagLength: uint32('Longest path in a span.'),
  http: object('Over HTTP.', {
    path: required(text('Path, such as /v1/traces.', { minLength: 1 })),
    timeout: duration('Of a report.'),
    headers: named,
  }),
  grpc: object('Over gRPC; the default.', { timeout: duration('Of a report.'), initialMetadata: named }),
  resourceDetectors: object('More resource attributes.', { environment: object('OTEL_RESOURCE_ATTRIBUTES.', {}) }),
});
export type OpenTelemetryProvider = TypeOf<typeof opentelemetry>;

export const zipkin = object('Spans by Zipkin v2.', {
  ...server,
  maxTagLength: uint32('Longest path in a span.'),
  path: text('Default /api/v2/spans.'),
  enable64bitTraceId: flag('Short trace ids.'),
});
export type ZipkinProvider = TypeOf<typeof zipkin>;

const logLabels = map('By key.', text(''));
const logFormat = object(
  'How entries look.',
  { text: text('With operators of Envoy.'), labels: logLabels },
  {
    atMostOne: [['text', 'labels']],
  },
);
export type LogFormat = TypeOf<typeof logFormat>;

export const fileLog = object('Lines in a file.', { path: text('Default /dev/stdout.'), logFormat });

const als = {
  ...server,
  logName: text('Default http_envoy_accesslog or tcp_envoy_accesslog.'),
  filterStateObjectsToLog: texts('Filter state.'),
} as const;

export const httpAls = object('Entries over gRPC.', {
  ...als,
  additionalRequestHeadersToLog: texts('Request headers.'),
  additionalResponseHeadersToLog: texts('Response headers.'),
  additionalResponseTrailersToLog: texts('Response trailers.'),
});

export const tcpAls = object('Entries of connections over gRPC.', als);

export const otelAls = object('Entries by OTLP.', {
  ...server,
  logName: text('Default otel_envoy_accesslog.'),
  logFormat: object('What entries say.', { text: text('The body.'), labels: logLabels }),
});
