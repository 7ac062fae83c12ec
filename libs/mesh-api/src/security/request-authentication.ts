import { ATTACHMENT_GROUPS, attachmentFields } from '../attachment.js';
import { describe, type FieldReader } from '../field-reader.js';
import { meshKind } from '../mesh-kind.js';
import { list } from '../schema/collection-fields.js';
import { required, withSchema, type TypeOf } from '../schema/field.js';
import { HEADER_NAME } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { duration, flag, text } from '../schema/scalar-fields.js';

const url = (description: string) =>
  withSchema(text(description, { minLength: 1, maxLength: 2048 }), {
    'x-kubernetes-validations': [
      { rule: 'url(self).getScheme() in ["http", "https"]', message: 'must be an http or https URL' },
    ],
  });
const nonEmpty = (description: string) => text(description, { minLength: 1 });

const jwtRuleFields = {
  issuer: nonEmpty('The iss claim.'),
  audiences: list('The aud claim must have one of them.', nonEmpty('An audience.')),
  jwksUri: url('Where the keys of the issuer are.'),
  jwks_uri: url('The same.'),
  jwks: text('The keys of the issuer.'),
  fromHeaders: list(
    'Headers that have the token. Default Authorization with Bearer.',
    object('A header.', { name: required(nonEmpty('Name.')), prefix: text('Text before the token.') }),
  ),
  fromParams: list('Query parameters that have the token.', nonEmpty('Name.')),
  fromCookies: list('Cookies that have the token.', nonEmpty('Name.')),
  outputPayloadToHeader: text('Header for the payload, as base64.'),
  forwardOriginalToken: flag('The token stays in the request.'),
  outputClaimToHeaders: list(
    'Headers for claims.',
    object('A header.', {
      header: required(text('Name of the header.', { format: HEADER_NAME })),
      claim: required(nonEmpty('Name of the claim; dots go into objects.')),
    }),
  ),
  timeout: duration('Time to fetch the keys. Default 5s.'),
  spaceDelimitedClaims: list('Claims that are lists with spaces between their items.', nonEmpty('Name.'), {
    maxItems: 64,
  }),
} as const;

/** A rule with an error is left out whole: its tokens count as those of an unknown issuer. */
const jwtRule = object('Tokens of one issuer.', jwtRuleFields, {
  whole: true,
  refine: (value, at, self) => {
    const before = self.errorCount;
    const sources = (['jwksUri', 'jwks_uri', 'jwks'] as const).filter((name) => at[name].present);
    if (!at.issuer.present && sources.length === 0)
      self.error('has neither issuer nor keys', 'set issuer, and jwksUri or jwks if it does not publish them');
    if (sources.length > 1) self.error(`has ${sources.join(' and ')}`, 'keep one of them');
    if (value.jwks !== undefined && value.jwks !== '') checkKeySet(value.jwks, at.jwks);
    for (const name of ['jwksUri', 'jwks_uri'] as const) {
      const uri = value[name];
      if (uri !== undefined && !/^https?:\/\/[^/?#]+/.test(uri))
        at[name].error(`${describe(uri)} is not an http or https URL`, 'write https://issuer.example.com/keys');
    }
    return self.errorCount > before ? undefined : value;
  },
});
export type JwtRule = TypeOf<typeof jwtRule>;

const PRIVATE_PARTS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'];

function checkKeySet(text: string, reader: FieldReader): void {
  const keys = keysOf(text);
  if (keys === null) reader.error('is not a JSON Web Key Set', 'write {"keys": [...]} as the issuer publishes it');
  else if (keys.some((key) => PRIVATE_PARTS.some((part) => Object.hasOwn(key, part))))
    reader.warn('has private key material', 'remove it here, and change the key: whoever reads this can make tokens');
}

function keysOf(text: string): readonly object[] | null {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    const isKey = (key: unknown): key is object => typeof key === 'object' && key !== null && 'kty' in key;
    return Array.isArray(keys) && keys.length > 0 && keys.every(isKey) ? keys : null;
  } catch {
    return null;
  }
}

const spec = object(
  'Tokens that requests may have. A request with a bad token is refused; one without is let through.',
  { ...attachmentFields, jwtRules: list('By issuer.', jwtRule, { maxItems: 4096 }) },
  { atMostOne: ATTACHMENT_GROUPS, exclusion: 'cel' },
);
export type RequestAuthenticationSpec = TypeOf<typeof spec>;

export const REQUEST_AUTHENTICATIONS = meshKind(
  {
    group: 'security.istio.io',
    kind: 'RequestAuthentication',
    plural: 'requestauthentications',
    shortNames: ['ra'],
    versions: ['v1', 'v1beta1'],
  },
  spec,
);
