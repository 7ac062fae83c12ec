import { describe } from '../field-reader.js';
import { AGE, column, meshKind } from '../mesh-kind.js';
import { list } from '../schema/collection-fields.js';
import { defaulted, required, vital, withSchema, type TypeOf } from '../schema/field.js';
import { HEADER_NAME, REGEX } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, text } from '../schema/scalar-fields.js';
import { checkRegex, hostnames } from './http-route.js';
import {
  BACKEND_PORT_RULE,
  backendFields,
  GATEWAY_API_GROUP,
  needsPort,
  parentRefs,
  sectionName,
  weight,
} from './references.js';
import { GRPC_FILTERS_RULES, grpcFilters } from './route-filters.js';
import { routeStatus } from './route-status.js';

const matchType = defaulted(choice('How the value is compared.', ['Exact', 'RegularExpression']), 'Exact');

const match = object(
  'All conditions must hold.',
  {
    method: object(
      'What is called.',
      {
        type: matchType,
        service: text('Service, with its package.', { maxLength: 1024 }),
        method: text('Method.', { maxLength: 1024 }),
      },
      {
        rules: [
          {
            rule: 'has(self.type) ? has(self.service) || has(self.method) : true',
            message: "One or both of 'service' or 'method' must be specified",
          },
        ],
        refine: (value, at, self) => {
          const before = self.errorCount;
          if (!at.service.present && !at.method.present) self.error('has no service and no method', 'set one of them');
          if (value.type === 'RegularExpression')
            for (const name of ['service', 'method'] as const) {
              const fault = REGEX.fault(value[name] ?? '');
              if (fault !== null) at[name].error(`${describe(value[name])} ${fault}`, REGEX.cure);
            }
          return self.errorCount > before ? undefined : value;
        },
      },
    ),
    headers: list(
      'Headers.',
      object(
        'A condition.',
        {
          type: matchType,
          name: required(text('Name.', { format: HEADER_NAME })),
          value: required(text('Value.', { minLength: 1, maxLength: 4096 })),
        },
        { refine: checkRegex },
      ),
      { maxItems: 16, keys: ['name'] },
    ),
  },
  { whole: true },
);
export type GrpcRouteMatch = TypeOf<typeof match>;

const filters = withSchema(grpcFilters, { 'x-kubernetes-validations': GRPC_FILTERS_RULES });

const rule = object(
  'A route; the most specific match over all routes is taken.',
  {
    name: sectionName('Name, for logs and status.'),
    matches: vital(list('Any of these; without any every call.', match, { maxItems: 64, type: 'atomic' })),
    filters,
    backendRefs: list(
      'Where calls go; none answers UNAVAILABLE.',
      object(
        'A share of the calls.',
        { ...backendFields, weight, filters },
        { rules: [BACKEND_PORT_RULE], refine: needsPort },
      ),
      { maxItems: 16, type: 'atomic' },
    ),
  },
  {
    refine: (value, at) =>
      value.filters.length < at.filters.list().length ? { ...value, filters: [], backendRefs: [] } : value,
  },
);
export type GrpcRouteRule = TypeOf<typeof rule>;

const spec = object('Routes of gRPC calls.', {
  parentRefs,
  hostnames: vital(hostnames),
  rules: list('The routes.', rule, { maxItems: 16, type: 'atomic' }),
});
export type GrpcRouteSpec = TypeOf<typeof spec>;

export const GRPC_ROUTES = meshKind(
  {
    group: GATEWAY_API_GROUP,
    kind: 'GRPCRoute',
    plural: 'grpcroutes',
    versions: ['v1'],
    columns: [column('Hostnames', '.spec.hostnames', 'Hosts.'), AGE],
    status: { instead: routeStatus },
  },
  spec,
);
