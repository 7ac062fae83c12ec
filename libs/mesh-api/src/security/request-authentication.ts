import { ATTACHMENT_GROUPS, attachmentFields } from '../attachment.js';
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

const jwtRule = object('Tokens of one issuer.', {
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
});
export type JwtRule = TypeOf<typeof jwtRule>;

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
