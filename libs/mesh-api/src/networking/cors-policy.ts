import { describe } from '../field-reader.js';
import { list, texts } from '../schema/collection-fields.js';
import { refined, type TypeOf } from '../schema/field.js';
import { HEADER_NAME } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, duration, flag } from '../schema/scalar-fields.js';
import { stringMatch } from './string-match.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

const methods = refined(texts('Methods.'), (names, reader) => {
  const items = reader.list();
  return names.filter((name, i) => {
    if (METHODS.has(name)) return true;
    items[i]!.error(`${describe(name)} is not an HTTP method`, 'write it in capitals, such as GET');
    return false;
  });
});

const headerNames = (description: string) =>
  refined(texts(description), (names, reader) => {
    const items = reader.list();
    return names.filter((name, i) => {
      if (name === '*' || HEADER_NAME.fault(name) === null) return true;
      items[i]!.error(`${describe(name)} is not a header name`, HEADER_NAME.cure);
      return false;
    });
  });

export const corsPolicy = object(
  'Cross-origin resource sharing.',
  {
    allowOrigin: texts('Origins; allowOrigins is the newer form.'),
    allowOrigins: list('Origins.', stringMatch('An origin.')),
    allowMethods: methods,
    allowHeaders: headerNames('Request headers.'),
    exposeHeaders: headerNames('Response headers that scripts may see.'),
    maxAge: refined(duration('How long an answer to a preflight holds.'), (ms, reader) => {
      if (ms % 1000 === 0) return ms;
      reader.error('is not a whole number of seconds', 'write seconds, such as 24h or 90s');
      return undefined;
    }),
    allowCredentials: flag('Requests with credentials are allowed.'),
    unmatchedPreflights: choice('What becomes of a preflight of another origin.', ['UNSPECIFIED', 'FORWARD', 'IGNORE']),
  },
  {
    refine: (value, at) => {
      if (at.allowOrigin.present) at.allowOrigin.warn('is deprecated', 'use allowOrigins');
      return value;
    },
  },
);
export type CorsPolicy = TypeOf<typeof corsPolicy>;
