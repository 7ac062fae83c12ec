import { parseIp } from '@weft/ip';
import type { RequestAttributes } from '@weft/policy';
import fc from 'fast-check';

/** Values that often meet, so that rules match about as often as not. */
const IDENTITIES = [
  'spiffe://cluster.local/ns/shop/sa/a',
  'spiffe://cluster.local/ns/shop-2/sa/b',
  'spiffe://cluster.local/ns/team.x/sa/a',
  'spiffe://other.td/ns/shop/sa/a',
];
const VALUES = {
  principals: [
    'cluster.local/ns/shop/sa/a',
    'cluster.local/ns/shop/*',
    'cluster.local/*',
    '*/sa/a',
    '*',
    'x/ns/y/sa/z',
  ],
  namespaces: ['shop', 'shop*', '*-2', 'team.x', 'teamxx', '*', 'sh*op'],
  serviceAccounts: ['a', 'shop-2/b', 'shop/b', 'team.x/a'],
  trustDomains: ['cluster.local', 'other.*', '*.td', '*', 'clusterxlocal'],
  ipBlocks: ['10.9.0.0/16', '10.9.9.9', '10.8.0.1/32', '2001:db8::/32', '0.0.0.0/0'],
  remoteIpBlocks: ['1.2.3.4', '1.2.0.0/16', '10.9.0.0/16'],
  requestPrincipals: ['issuer/me', 'issuer/*', '*/me', '*', 'issuer', 'https://a.b/c/me', '*/*'],
  hosts: ['web.shop', 'WEB.shop', '*.shop', 'web*', '*', 'web.shop:80', 'other'],
  methods: ['GET', 'POST', '*', 'P*', 'get'],
  paths: ['/a', '/a*', '*.html', '*', '/v/{*}/x', '/v/{**}', '/{*}', '/a?b', '/A'],
  ports: ['80', '81'],
} as const;
const CONDITIONS: Readonly<Record<string, readonly string[]>> = {
  'source.ip': VALUES.ipBlocks,
  'remote.ip': VALUES.remoteIpBlocks,
  'source.namespace': VALUES.namespaces,
  'source.principal': VALUES.principals,
  'source.serviceAccount': VALUES.serviceAccounts,
  'source.trustDomain': VALUES.trustDomains,
  'request.auth.principal': VALUES.requestPrincipals,
  'request.auth.audiences': ['web', 'w*', '*', 'other'],
  'request.auth.presenter': ['app', '*'],
  'request.auth.claims[groups]': ['admin', 'ad*', '*', 'dev'],
  'request.auth.claims[nested][level]': ['high', '*'],
  'request.auth.claims[scope]': ['read', 'write', '*'],
  'request.headers[X-Team]': ['blue', 'b*', '*e', '*', ''],
  'destination.ip': ['10.96.0.0/16', '10.97.0.0/16', '10.96.0.1'],
  'destination.port': VALUES.ports,
  'connection.sni': ['web', '*'],
};

const some = (values: readonly string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const not = (name: string): string => `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** One to three of the fields, each in its plain or its `not` form. */
function fields(names: readonly (keyof typeof VALUES)[]) {
  const one = fc
    .tuple(fc.constantFrom(...names), fc.boolean())
    .chain(([name, negated]) => some(VALUES[name]).map((list) => [negated ? not(name) : name, list] as const));
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((list) => withoutClash(Object.fromEntries(list)));
}

/** Service accounts stand beside neither principals nor namespaces. */
function withoutClash(source: Record<string, readonly string[]>): Record<string, readonly string[]> {
  const { principals, namespaces, ...rest } = source;
  return 'serviceAccounts' in source && (principals ?? namespaces) !== undefined ? rest : source;
}

const source = fields([
  'principals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'ipBlocks',
  'remoteIpBlocks',
  'requestPrincipals',
]);
const operation = fields(['hosts', 'methods', 'paths', 'ports']);
const condition = fc
  .constantFrom(...Object.keys(CONDITIONS))
  .chain((key) =>
    fc.record(
      { key: fc.constant(key), values: some(filled(key)), notValues: some(filled(key)) },
      { requiredKeys: ['key', 'values'] },
    ),
  );
const filled = (key: string): readonly string[] => CONDITIONS[key]!.filter((value) => value !== '');

const rule = fc.record(
  {
    from: fc.array(
      source.map((one) => ({ source: one })),
      { minLength: 1, maxLength: 2 },
    ),
    to: fc.array(
      operation.map((one) => ({ operation: one })),
      { minLength: 1, maxLength: 2 },
    ),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);

export interface GeneratedPolicy {
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly object[];
  readonly dryRun: boolean;
}

export const policies: fc.Arbitrary<readonly GeneratedPolicy[]> = fc.array(
  fc.record({
    action: fc.constantFrom('ALLOW' as const, 'DENY' as const),
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
    dryRun: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 3 },
);

export interface GeneratedRequest {
  readonly identity: string | null;
  readonly sourceIp: string;
  readonly forwardedFor: string | null;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly team: string | null;
  readonly claims: Readonly<Record<string, unknown>> | null;
}

export const requests: fc.Arbitrary<GeneratedRequest> = fc.record({
  identity: fc.option(fc.constantFrom(...IDENTITIES)),
  sourceIp: fc.constantFrom('10.9.9.9', '10.8.0.1', '192.0.2.1'),
  forwardedFor: fc.option(fc.constantFrom('1.2.3.4', '1.2.9.9', '10.9.0.5')),
  port: fc.constantFrom(80, 81),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path: fc.constantFrom('/a', '/a?b', '/ab', '/x.html', '/v/1/x', '/v/1/2/x', '/v/', '/A', '/', '/b', '/a%20b'),
  host: fc.constantFrom('web.shop', 'WEB.SHOP', 'web.shop:80', 'a.shop', 'other'),
  team: fc.option(fc.constantFrom('blue', 'be', 'red')),
  claims: fc.option(
    fc.record(
      {
        sub: fc.constantFrom('me', 'you'),
        aud: fc.constantFrom<unknown>('web', ['web', 'x'], 'other'),
        azp: fc.constantFrom('app', 'x'),
        groups: fc.constantFrom<unknown>('admin', ['dev', 'admin'], ['x'], 7, [], true),
        nested: fc.constantFrom<unknown>({ level: 'high' }, { level: 1 }, 'high'),
        scope: fc.constantFrom('read write', 'read', 'none'),
      },
      { requiredKeys: ['sub'] },
    ),
  ),
});

/** The issuer of the tokens. */
export const ISSUER = 'issuer';

/** As the proxy of a service with this address sees the request. */
export function attributesOf(request: GeneratedRequest, address: string): RequestAttributes {
  const { identity, sourceIp, forwardedFor, port, method, path, host, team, claims } = request;
  const scope = claims?.['scope'];
  return {
    sourceIp: parseIp(sourceIp)!,
    remoteIp: parseIp(forwardedFor ?? sourceIp)!,
    destinationIp: parseIp(address)!,
    destinationPort: port,
    principal: identity,
    serverName: '',
    method,
    path,
    host,
    headers: team === null ? {} : { 'x-team': team },
    // Istio reads `scope` as a list.
    claims:
      claims === null
        ? null
        : { iss: ISSUER, ...claims, ...(typeof scope === 'string' ? { scope: scope.split(' ') } : {}) },
  };
}
