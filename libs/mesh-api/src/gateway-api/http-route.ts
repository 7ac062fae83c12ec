import { describe, type FieldReader } from '../field-reader.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { list } from '../schema/collection-fields.js';
import { defaulted, required, vital, withSchema, type TypeOf } from '../schema/field.js';
import { HEADER_NAME, REGEX, WILDCARD_HOST } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, integer, text } from '../schema/scalar-fields.js';
import { gatewayDuration } from './gateway-duration.js';
import {
  BACKEND_PORT_RULE,
  backendFields,
  GATEWAY_API_GROUP,
  needsPort,
  parentRefs,
  sectionName,
  weight,
} from './references.js';
import { httpFilters, HTTP_FILTERS_RULES, httpMethod } from './route-filters.js';
import { routeStatus } from './route-status.js';

const MATCH_TYPES = ['Exact', 'RegularExpression'] as const;

/** The value as an expression, if it is compared as one. */
export function checkRegex<T extends { readonly type: string; readonly value: string }>(
  value: T,
  at: { readonly value: FieldReader },
): T | undefined {
  const fault = value.type === 'RegularExpression' ? REGEX.fault(value.value) : null;
  if (fault !== null) at.value.error(`${describe(value.value)} ${fault}`, REGEX.cure);
  return fault === null ? value : undefined;
}

const nameValue = (description: string, maxLength: number) =>
  list(
    description,
    object(
      'A condition.',
      {
        type: defaulted(choice('How the value is compared.', MATCH_TYPES), 'Exact'),
        name: required(text('Name.', { format: HEADER_NAME })),
        value: required(text('Value.', { minLength: 1, maxLength })),
      },
      { refine: checkRegex },
    ),
    { maxItems: 16, keys: ['name'] },
  );

const ANY_PATH = { type: 'PathPrefix', value: '/' } as const;
const ANY_MATCH = { path: ANY_PATH, headers: [], queryParams: [] } as const;

const match = object(
  'All conditions must hold.',
  {
    path: defaulted(
      object(
        'Path.',
        {
          type: defaulted(
            choice('How the path is compared.', ['Exact', 'PathPrefix', 'RegularExpression']),
            'PathPrefix',
          ),
          value: defaulted(text('Path.', { maxLength: 1024 }), '/'),
        },
        {
          rules: [
            {
              rule: "(self.type in ['Exact','PathPrefix']) ? self.value.startsWith('/') : true",
              message: "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
            },
            {
              rule: "(self.type in ['Exact','PathPrefix']) ? !self.value.contains('//') : true",
              message: "must not contain '//' when type one of ['Exact', 'PathPrefix']",
            },
          ],
          refine: (value, at) => {
            if (value.type === 'RegularExpression') return checkRegex(value, at);
            if (!value.value.startsWith('/')) at.value.error('is not absolute', 'start it with /');
            else if (value.value.includes('//')) at.value.error('has an empty segment', 'write one / between segments');
            else return value;
            return undefined;
          },
        },
      ),
      ANY_PATH,
    ),
    headers: nameValue('Headers.', 4096),
    queryParams: nameValue('Query parameters.', 1024),
    method: httpMethod,
  },
  { whole: true },
);
export type HttpRouteMatch = TypeOf<typeof match>;

const backendRef = object(
  'A share of the requests.',
  { ...backendFields, weight, filters: withSchema(httpFilters, { 'x-kubernetes-validations': HTTP_FILTERS_RULES }) },
  { rules: [BACKEND_PORT_RULE], refine: needsPort },
);

const rule = object(
  'A route; the most specific match over all routes is taken.',
  {
    name: sectionName('Name, for logs and status.'),
    matches: {
      ...vital(list('Any of these.', match, { maxItems: 64, type: 'atomic' })),
      schema: {
        ...list('Any of these.', match, { maxItems: 64, type: 'atomic' }).schema,
        default: [{ path: ANY_PATH }],
      },
      absent: [ANY_MATCH],
    },
    filters: withSchema(httpFilters, { 'x-kubernetes-validations': HTTP_FILTERS_RULES }),
    backendRefs: list('Where requests go; none answers 500.', backendRef, { maxItems: 16, type: 'atomic' }),
    timeouts: object(
      'Times.',
      {
        request: gatewayDuration('For the whole request.'),
        backendRequest: gatewayDuration('For each try.'),
      },
      {
        rules: [
          {
            rule: "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))",
            message: 'backendRequest timeout cannot be longer than request timeout',
          },
        ],
        refine: (value, at) => {
          const { request = 0, backendRequest = 0 } = value;
          if (request === 0 || backendRequest <= request) return value;
          at.backendRequest.error('is longer than that of the request', 'make it at most as long');
          return { request };
        },
      },
    ),
    retry: object('Tries again.', {
      codes: list('Status codes.', integer('Status code.', 400, 599)),
      attempts: integer('Tries after the first.', 0, 2_147_483_647),
      backoff: gatewayDuration('Wait at least before a try again.'),
    }),
  },
  {
    rules: [
      {
        rule: '(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true',
        message: 'RequestRedirect filter must not be used together with backendRefs',
      },
    ],
    refine: (value, at) => {
      const redirects = value.filters.some(({ requestRedirect }) => requestRedirect !== undefined);
      if (redirects && value.backendRefs.length > 0)
        at.backendRefs.error(
          'is set beside a RequestRedirect filter',
          'remove one of them: a redirect forwards nothing',
        );
      // A filter that cannot be read might have been there to protect; without backends the rule answers 500.
      return value.filters.length < at.filters.list().length ? { ...value, filters: [], backendRefs: [] } : value;
    },
  },
);
export type HttpRouteRule = TypeOf<typeof rule>;

export const hostnames = list(
  'Hosts of requests. Default those of the parents.',
  text('Host.', { format: WILDCARD_HOST }),
  {
    maxItems: 16,
    type: 'atomic',
  },
);

const spec = object('Routes of HTTP requests.', {
  parentRefs,
  hostnames: vital(hostnames),
  rules: {
    ...list('The routes.', rule, { minItems: 1, maxItems: 16, type: 'atomic' }),
    schema: {
      ...list('The routes.', rule, { minItems: 1, maxItems: 16, type: 'atomic' }).schema,
      default: [{ matches: [{ path: ANY_PATH }] }],
    },
    absent: [{ matches: [ANY_MATCH], filters: [], backendRefs: [] }],
  },
});
export type HttpRouteSpec = TypeOf<typeof spec>;

export const HTTP_ROUTES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'HTTPRoute',
    plural: 'httproutes',
    versions: ['v1', 'v1beta1'],
    columns: [column('Hostnames', '.spec.hostnames', 'Hosts.'), AGE],
    status: { instead: routeStatus },
  },
  spec,
);
