import type { FieldReader } from '../field-reader.js';
import { list, texts } from '../schema/collection-fields.js';
import { defaulted, required, withSchema, type TypeOf } from '../schema/field.js';
import { DNS_SUBDOMAIN, HEADER_NAME } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, flag, integer, port, text } from '../schema/scalar-fields.js';
import { BACKEND_PORT_RULE, backendFields, localObjectRef, needsPort } from './references.js';

const header = object('A header.', {
  name: required(text('Name.', { format: HEADER_NAME })),
  value: required(text('Value.', { minLength: 1, maxLength: 4096 })),
});
const headerList = (description: string) => list(description, header, { maxItems: 16, keys: ['name'] });

const headerModifier = (description: string) =>
  object(description, {
    set: headerList('Replaces the header.'),
    add: headerList('Appends to the header.'),
    remove: texts('Removes the header.', { maxItems: 16, type: 'set' }),
  });

const requestMirror = object(
  'Sends a copy of requests and ignores the answers.',
  {
    backendRef: required(object('Where to.', backendFields, { rules: [BACKEND_PORT_RULE], refine: needsPort })),
    percent: integer('Of the requests.', 0, 100),
    fraction: object(
      'Of the requests.',
      {
        numerator: required(integer('So many', 0, 2_147_483_647)),
        denominator: defaulted(integer('of so many.', 1, 2_147_483_647), 100),
      },
      {
        rules: [
          {
            rule: 'self.numerator <= self.denominator',
            message: 'numerator must be less than or equal to denominator',
          },
        ],
      },
    ),
  },
  {
    rules: [
      {
        rule: '!(has(self.percent) && has(self.fraction))',
        message: 'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter',
      },
    ],
    refine: (value, at, self) => {
      if (!at.percent.present || !at.fraction.present) return value;
      self.error('has percent and fraction', 'keep one of them');
      return undefined;
    },
  },
);

const pathModifier = object(
  'Changes the path.',
  {
    type: required(choice('What is replaced.', ['ReplaceFullPath', 'ReplacePrefixMatch'])),
    replaceFullPath: text('In place of the path.', { maxLength: 1024 }),
    replacePrefixMatch: text('In place of the matched prefix.', { maxLength: 1024 }),
  },
  {
    rules: [
      {
        rule: "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true",
        message: "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
      },
      {
        rule: "has(self.replaceFullPath) ? self.type == 'ReplaceFullPath' : true",
        message: "type must be 'ReplaceFullPath' when replaceFullPath is set",
      },
      {
        rule: "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true",
        message: "replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'",
      },
      {
        rule: "has(self.replacePrefixMatch) ? self.type == 'ReplacePrefixMatch' : true",
        message: "type must be 'ReplacePrefixMatch' when replacePrefixMatch is set",
      },
    ],
    refine: (value, at, self) => {
      const [wanted, other] =
        value.type === 'ReplaceFullPath'
          ? (['replaceFullPath', 'replacePrefixMatch'] as const)
          : (['replacePrefixMatch', 'replaceFullPath'] as const);
      if (!at[wanted].present) self.error(`has type ${value.type} without ${wanted}`, `set ${wanted}`);
      if (at[other].present) at[other].error(`is set with type ${value.type}`, 'remove it');
      return at[wanted].present && !at[other].present ? value : undefined;
    },
  },
);
export type PathModifier = TypeOf<typeof pathModifier>;

const requestRedirect = object('Answers with another address.', {
  scheme: choice('In place of the scheme.', ['http', 'https']),
  hostname: text('In place of the host.', { format: DNS_SUBDOMAIN }),
  path: pathModifier,
  port: port('In place of the port.'),
  statusCode: defaulted(withSchema(integer('Status code.', 301, 308), { enum: [301, 302, 303, 307, 308] }), 302),
});

const urlRewrite = object('Changes the request before it is forwarded.', {
  hostname: text('In place of the host.', { format: DNS_SUBDOMAIN }),
  path: pathModifier,
});

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;
export const httpMethod = choice('Method.', METHODS);

const cors = object('Cross-origin resource sharing.', {
  allowOrigins: texts('Origins; * for any.', { maxItems: 64, type: 'set' }),
  allowCredentials: flag('Requests with credentials are allowed.'),
  allowMethods: list('Methods; * for any.', choice('Method.', [...METHODS, '*']), { maxItems: 9, type: 'set' }),
  allowHeaders: list('Request headers; * for any.', text('Name.', { format: HEADER_NAME }), {
    maxItems: 64,
    type: 'set',
  }),
  exposeHeaders: list('Response headers that scripts may see.', text('Name.', { format: HEADER_NAME }), {
    maxItems: 64,
    type: 'set',
  }),
  maxAge: defaulted(integer('Seconds that an answer to a preflight holds.', 1, 2_147_483_647), 5),
});

const PARTS = {
  RequestHeaderModifier: ['requestHeaderModifier', headerModifier('Changes the headers of the request.')],
  ResponseHeaderModifier: ['responseHeaderModifier', headerModifier('Changes the headers of the response.')],
  RequestMirror: ['requestMirror', requestMirror],
  RequestRedirect: ['requestRedirect', requestRedirect],
  URLRewrite: ['urlRewrite', urlRewrite],
  CORS: ['cors', cors],
  ExtensionRef: ['extensionRef', localObjectRef],
} as const;

const filterRules = (types: readonly (keyof typeof PARTS)[]) =>
  types.flatMap((type) => {
    const [name] = PARTS[type];
    return [
      {
        rule: `!(has(self.${name}) && self.type != '${type}')`,
        message: `filter.${name} must be nil if the filter.type is not ${type}`,
      },
      {
        rule: `!(!has(self.${name}) && self.type == '${type}')`,
        message: `filter.${name} must be specified for ${type} filter.type`,
      },
    ];
  });

/** A filter has the part that its type names, and no other. */
function checkParts<T extends { readonly type: keyof typeof PARTS }>(
  value: T,
  at: Readonly<Record<string, FieldReader>>,
  self: FieldReader,
): T | undefined {
  const [wanted] = PARTS[value.type];
  for (const [name] of Object.values(PARTS))
    if (name !== wanted && at[name]?.present) at[name].error(`is set in a filter of type ${value.type}`, 'remove it');
  if (at[wanted]?.present) return value;
  self.error(`has type ${value.type} without ${wanted}`, `set ${wanted}`);
  return undefined;
}

const once = (type: string) => ({
  rule: `self.filter(f, f.type == '${type}').size() <= 1`,
  message: `${type} filter cannot be repeated`,
});

const GRPC_TYPES = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror', 'ExtensionRef'] as const;
const HTTP_TYPES = [...GRPC_TYPES, 'RequestRedirect', 'URLRewrite', 'CORS'] as const;

export const httpFilters = list(
  'What is done with requests.',
  object(
    'A filter.',
    {
      type: required(choice('Which one.', HTTP_TYPES)),
      requestHeaderModifier: PARTS.RequestHeaderModifier[1],
      responseHeaderModifier: PARTS.ResponseHeaderModifier[1],
      requestMirror,
      requestRedirect,
      urlRewrite,
      cors,
      extensionRef: localObjectRef,
    },
    { rules: filterRules(HTTP_TYPES), whole: true, refine: checkParts },
  ),
  { maxItems: 16, type: 'atomic' },
);
export type HttpRouteFilter = TypeOf<typeof httpFilters>[number];

export const grpcFilters = list(
  'What is done with requests.',
  object(
    'A filter.',
    {
      type: required(choice('Which one.', GRPC_TYPES)),
      requestHeaderModifier: PARTS.RequestHeaderModifier[1],
      responseHeaderModifier: PARTS.ResponseHeaderModifier[1],
      requestMirror,
      extensionRef: localObjectRef,
    },
    { rules: filterRules(GRPC_TYPES), whole: true, refine: checkParts },
  ),
  { maxItems: 16, type: 'atomic' },
);

export const HTTP_FILTERS_RULES = [
  {
    rule: "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))",
    message: 'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
  },
  ...['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'].map(once),
];
export const GRPC_FILTERS_RULES = ['RequestHeaderModifier', 'ResponseHeaderModifier'].map(once);
