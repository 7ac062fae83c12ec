import { map, textMap, texts } from '../schema/collection-fields.js';
import type { TypeOf } from '../schema/field.js';
import type { FieldReader } from '../field-reader.js';
import { HEADER_NAME } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { flag, text } from '../schema/scalar-fields.js';
import { portNumber } from './service-port.js';
import { stringMatch } from './string-match.js';

/** A header that stands for a claim of the request's token. */
export const CLAIM_HEADER_PREFIX = '@request.auth.claims';

export function isHeaderName(key: string, reader: FieldReader): boolean {
  if (HEADER_NAME.fault(key) === null) return true;
  reader.error('is not a header name', HEADER_NAME.cure);
  return false;
}
const isHeaderOrClaim = (key: string, reader: FieldReader): boolean =>
  key.startsWith(CLAIM_HEADER_PREFIX) || isHeaderName(key, reader);

const headerConditions = (description: string) =>
  map(description, stringMatch('Value of the header; empty for any.'), { key: isHeaderOrClaim });

export const httpMatch = object(
  'All conditions must hold.',
  {
    name: text('Name, for logs and statistics.'),
    uri: stringMatch('Path.'),
    scheme: stringMatch('Scheme.'),
    method: stringMatch('Method.'),
    authority: stringMatch('Host, with port if the client sent it.'),
    headers: headerConditions('By header name.'),
    withoutHeaders: headerConditions('By header name: must not match.'),
    queryParams: map('By parameter name.', stringMatch('Value of the parameter; empty for any.')),
    ignoreUriCase: flag('Upper and lower case are the same, in exact and prefix paths.'),
    port: portNumber('Port that the client asked for.'),
    sourceLabels: textMap('Labels of the client; not seen by waypoints.'),
    sourceNamespace: text('Namespace of the client.'),
    gateways: texts('In place of the gateways of the resource.'),
    statPrefix: text('Prefix of statistics.'),
  },
  { whole: true },
);
export type HttpMatch = TypeOf<typeof httpMatch>;
