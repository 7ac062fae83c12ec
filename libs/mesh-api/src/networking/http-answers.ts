import { describe } from '../field-reader.js';
import { refined, required, withSchema, type TypeOf } from '../schema/field.js';
import { REGEX } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, text, uint32 } from '../schema/scalar-fields.js';
import { portNumber } from './service-port.js';

const MAX_BODY = 1024 * 1024;
const LARGE_BODY = 100 * 1024;

export const redirect = object(
  'Answers with another address.',
  {
    uri: text('In place of the path.'),
    prefixRewrite: text('In place of the matched prefix of the path.'),
    authority: text('In place of the host.'),
    port: portNumber('In place of the port.'),
    derivePort: choice('Where the port comes from.', ['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']),
    scheme: refined(text('In place of the scheme: http or https.'), (scheme, reader) => {
      if (scheme === 'http' || scheme === 'https' || scheme === '') return scheme;
      reader.error(`${describe(scheme)} is not a scheme`, 'use http or https');
      return undefined;
    }),
    redirectCode: refined(uint32('Status code. Default 301.'), (code, reader) => {
      if ([301, 302, 303, 307, 308].includes(code)) return code;
      reader.error(`${code} is not a redirect that Envoy can answer`, 'use 301, 302, 303, 307 or 308');
      return undefined;
    }),
  },
  {
    atMostOne: [['port', 'derivePort']],
    whole: true,
    refine: (value, at, self) => {
      if (at.uri.present && at.prefixRewrite.present) {
        self.error('has uri and prefixRewrite', 'keep one of them');
        return undefined;
      }
      if (Object.keys(value).some((name) => name !== 'redirectCode')) return value;
      self.error('changes nothing, so that clients would turn in a circle', 'set uri, authority, port or scheme');
      return undefined;
    },
  },
);
export type Redirect = TypeOf<typeof redirect>;

export const directResponse = object('Answers without asking a service.', {
  status: required(
    refined(uint32('Status code.'), (status, reader) => {
      if (status >= 200 && status <= 599) return status;
      reader.error(`${status} is not a status code`, 'use one from 200 to 599');
      return undefined;
    }),
  ),
  body: object(
    'Body of the answer.',
    { string: text('As text.'), bytes: withSchema(text('As base64.'), { format: 'byte' }) },
    {
      atMostOne: [['string', 'bytes']],
      refine: (value, _at, self) => {
        const size = Buffer.byteLength(value.string ?? '') + Math.floor(((value.bytes ?? '').length * 3) / 4);
        if (size > LARGE_BODY && size <= MAX_BODY)
          self.warn(`has ${size} bytes, which every proxy keeps in memory`, 'serve large bodies from a service');
        if (size <= MAX_BODY) return value;
        self.error(`has ${size} bytes`, `at most ${MAX_BODY}`);
        return undefined;
      },
    },
  ),
});

export const rewrite = object(
  'Changes the request before it is forwarded.',
  {
    uri: text('In place of the path, or of its matched prefix.'),
    authority: text('In place of the host.'),
    uriRegexRewrite: object('Replaces parts of the path.', {
      match: text('RE2 expression.', { format: REGEX }),
      rewrite: text('Replacement; \\1 is the first group.'),
    }),
  },
  {
    refine: (value, at, self) => {
      if (at.uri.present && at.uriRegexRewrite.present) {
        self.error('has uri and uriRegexRewrite', 'keep one of them');
        return undefined;
      }
      if (at.uri.present || at.authority.present || at.uriRegexRewrite.present) return value;
      self.error('changes nothing', 'set uri, uriRegexRewrite or authority');
      return undefined;
    },
  },
);
export type Rewrite = TypeOf<typeof rewrite>;
