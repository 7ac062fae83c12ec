import { list, map, textMap, texts } from '../schema/collection-fields.js';
import { assumed, required, withSchema, type TypeOf } from '../schema/field.js';
import { REGEX } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, count, duration, flag, integer, number, text, uint32 } from '../schema/scalar-fields.js';
import { destination } from './destination.js';
import { stringMatch } from './string-match.js';

export const percent = (description: string) => object(description, { value: number('Percent.', 0, 100) });

const headerOperations = (description: string) =>
  object(description, {
    set: textMap('Replaces the header.'),
    add: textMap('Appends to the header.'),
    remove: texts('Removes the header.'),
  });

export const headers = object('Changes of headers.', {
  request: headerOperations('Before the request is forwarded.'),
  response: headerOperations('Before the response is returned.'),
});
export type Headers = TypeOf<typeof headers>;

export const httpMatch = object(
  'All conditions must hold.',
  {
    name: text('Name, for logs and statistics.'),
    uri: stringMatch('Path.'),
    scheme: stringMatch('Scheme.'),
    method: stringMatch('Method.'),
    authority: stringMatch('Host, with port if the client sent it.'),
    headers: map('By header name.', stringMatch('Value of the header; empty for any.')),
    withoutHeaders: map('By header name: must not match.', stringMatch('Value of the header; empty for any.')),
    queryParams: map('By parameter name.', stringMatch('Value of the parameter; empty for any.')),
    ignoreUriCase: flag('Upper and lower case are the same, in exact and prefix paths.'),
    port: uint32('Port that the client asked for.'),
    sourceLabels: textMap('Labels of the client; not seen by waypoints.'),
    sourceNamespace: text('Namespace of the client.'),
    gateways: texts('In place of the gateways of the resource.'),
    statPrefix: text('Prefix of statistics.'),
  },
  { whole: true },
);
export type HttpMatch = TypeOf<typeof httpMatch>;

export const routeDestination = object('A share of the requests.', {
  destination: required(destination),
  weight: integer('Share relative to the sum of all.', 0, 2_147_483_647),
  headers,
});
export type RouteDestination = TypeOf<typeof routeDestination>;

export const redirect = object(
  'Answers with another address.',
  {
    uri: text('In place of the path.'),
    prefixRewrite: text('In place of the matched prefix of the path.'),
    authority: text('In place of the host.'),
    port: uint32('In place of the port.'),
    derivePort: choice('Where the port comes from.', ['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
    scheme: text('In place of the scheme: http or https.'),
    redirectCode: uint32('Status code. Default 301.'),
  },
  { atMostOne: [['port', 'derivePort']] },
);
export type Redirect = TypeOf<typeof redirect>;

export const directResponse = object('Answers without asking a service.', {
  status: required(uint32('Status code.')),
  body: object(
    'Body of the answer.',
    { string: text('As text.'), bytes: withSchema(text('As base64.'), { format: 'byte' }) },
    { atMostOne: [['string', 'bytes']] },
  ),
});

export const rewrite = object('Changes the request before it is forwarded.', {
  uri: text('In place of the path, or of its matched prefix.'),
  authority: text('In place of the host.'),
  uriRegexRewrite: object('Replaces parts of the path.', {
    match: text('RE2 expression.', { format: REGEX }),
    rewrite: text('Replacement; \\1 is the first group.'),
  }),
});
export type Rewrite = TypeOf<typeof rewrite>;

export const retries = object('When and how often a request is tried again.', {
  attempts: count('Tries after the first; 0 for none.'),
  perTryTimeout: duration('Time for each try.'),
  retryOn: text('Conditions and status codes, with commas between them.'),
  retryRemoteLocalities: flag('Also in other localities.'),
  retryIgnorePreviousHosts: flag('Not at an endpoint that was tried. Default true.'),
  backoff: duration('Wait before the first try again; it doubles from try to try.'),
});
export type Retries = TypeOf<typeof retries>;

export const fault = object('Faults on purpose.', {
  delay: object(
    'Waits before forwarding.',
    {
      fixedDelay: duration('How long.'),
      exponentialDelay: duration('Not supported.'),
      percentage: percent('Of the requests.'),
      percent: integer('Of the requests; percentage is finer.', 0, 100),
    },
    { atMostOne: [['fixedDelay', 'exponentialDelay']] },
  ),
  abort: object(
    'Answers with an error.',
    {
      httpStatus: integer('Status code.', -2_147_483_648, 2_147_483_647),
      grpcStatus: text('gRPC status by name or number.'),
      http2Error: text('Not supported.'),
      percentage: percent('Of the requests.'),
    },
    { atMostOne: [['httpStatus', 'grpcStatus', 'http2Error']] },
  ),
});
export type Fault = TypeOf<typeof fault>;

export const mirrorPolicy = object('Sends a copy of requests and ignores the answers.', {
  destination: required(destination),
  percentage: percent('Of the requests. Default 100.'),
});

export const corsPolicy = object('Cross-origin resource sharing.', {
  allowOrigin: texts('Origins; allowOrigins is the newer form.'),
  allowOrigins: list('Origins.', stringMatch('An origin.')),
  allowMethods: texts('Methods.'),
  allowHeaders: texts('Request headers.'),
  exposeHeaders: texts('Response headers that scripts may see.'),
  maxAge: duration('How long an answer to a preflight holds.'),
  allowCredentials: flag('Requests with credentials are allowed.'),
  unmatchedPreflights: choice('What becomes of a preflight of another origin.', ['UNSPECIFIED', 'FORWARD', 'IGNORE']),
});
export type CorsPolicy = TypeOf<typeof corsPolicy>;

export const gateways = assumed(texts('Gateways that the routes are for; `mesh` for clients in the mesh.'), ['mesh']);
