import fc from 'fast-check';
import { cidrContains, parseCidr, parseIp } from '@weft/ip';
import { parseAuthorizationPolicy, parsePeerAuthentication, type PeerAuthenticationSpec } from '@weft/mesh-api';
import { parseSpiffeId, type SpiffeId } from '@weft/spiffe';
import { type Authorization, Scope } from '@weft/xds/gen/mesh/security/authorization.js';
import { convertAuthorizationPolicy } from './convert-authorization-policy.js';
import {
  convertPeerAuthentication,
  effectiveMtls,
  mtlsPolicyOf,
  staticStrictPolicy,
} from './convert-peer-authentication.js';
import { evaluatePolicies } from './evaluate.js';
import type { PolicyConnection } from './evaluate-match.js';
import { compilePolicy } from './evaluate-policy.js';

const options = { rootNamespace: 'istio-system', dryRunEnabled: false };
const convert = (
  spec: unknown,
  more: { namespace?: string; annotations?: Record<string, string> } = {},
  dryRunEnabled = false,
) =>
  convertAuthorizationPolicy(parseAuthorizationPolicy({ metadata: { name: 'p', namespace: 'ns', ...more }, spec }), {
    ...options,
    dryRunEnabled,
  });
const identityOf = (text: string): SpiffeId => {
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) throw parsed.error;
  return parsed.value;
};
const connection = (from: string | null, ip = '10.0.0.1', port = 80): PolicyConnection => ({
  sourceIp: parseIp(ip)!,
  destinationIp: parseIp('10.9.9.9')!,
  destinationPort: port,
  identity: from === null ? null : identityOf(from),
});
const CLIENT = 'spiffe://cluster.local/ns/a/sa/client';
const decide = (authorization: Authorization | null, conn: PolicyConnection) => {
  const compiled = compilePolicy(authorization!);
  if (!compiled.ok) throw new Error(compiled.error);
  return evaluatePolicies(conn, [compiled.value]).decision;
};

describe('AuthorizationPolicy', () => {
  it('has the scope of its selector, else of its namespace, else of the mesh', () => {
    expect(convert({ selector: { matchLabels: { app: 'x' } } }).authorization?.scope).toBe(Scope.WORKLOAD_SELECTOR);
    expect(convert({}).authorization?.scope).toBe(Scope.NAMESPACE);
    expect(convert({}, { namespace: 'istio-system' }).authorization?.scope).toBe(Scope.GLOBAL);
  });

  it('with targetRefs is not for ztunnel', () => {
    const { authorization, verdict } = convert({ targetRefs: [{ group: '', kind: 'Service', name: 'x' }] });
    expect([authorization, verdict.reason]).toEqual([null, 'NotForZtunnel']);
  });

  it.each(['AUDIT', 'CUSTOM'])('%s is not enforced by ztunnel, and its status says so', (action) => {
    const { authorization, verdict } = convert({ action, provider: { name: 'x' }, rules: [{}] });
    expect([authorization, verdict.accepted, verdict.reason]).toEqual([null, false, 'UnsupportedValue']);
    expect(verdict.message).toContain('spec.action');
  });

  it('in dry-run is left out unless that is enabled', () => {
    const annotations = { 'istio.io/dry-run': 'true' };
    expect(convert({}, { annotations }).authorization).toBeNull();
    expect(convert({}, { annotations }, true).authorization?.dryRun).toBe(true);
  });

  it('ALLOW without rules denies everything; DENY with an empty rule too', () => {
    expect(decide(convert({}).authorization, connection(CLIENT))).toBe('deny');
    expect(decide(convert({ action: 'DENY', rules: [{}] }).authorization, connection(CLIENT))).toBe('deny');
  });

  it('an ALLOW rule with Layer-7 attributes never matches', () => {
    const rules = [
      { to: [{ operation: { methods: ['GET'], ports: ['80'] } }] },
      { when: [{ key: 'request.headers[x]', values: ['y'] }] },
    ];
    const { authorization, verdict } = convert({ rules });
    expect([authorization?.groups, decide(authorization, connection(CLIENT))]).toEqual([[], 'deny']);
    expect([verdict.accepted, verdict.reason]).toEqual([true, 'UnsupportedValue']);
    expect(verdict.message).toContain('spec.rules[0].to[0].operation.methods, spec.rules[1].when[0].key');
  });

  it('a DENY rule keeps its Layer-4 part, and one for Layer 7 only has no effect', () => {
    const mixed = convert({ action: 'DENY', rules: [{ to: [{ operation: { methods: ['GET'], ports: ['80'] } }] }] });
    expect([
      decide(mixed.authorization, connection(CLIENT)),
      decide(mixed.authorization, connection(CLIENT, '10.0.0.1', 81)),
    ]).toEqual(['deny', 'allow']);
    expect(mixed.verdict.message).toContain('denies more than written');
    const only = convert({ action: 'DENY', rules: [{ to: [{ operation: { methods: ['GET'] } }] }] });
    expect(decide(only.authorization, connection(CLIENT))).toBe('allow');
    expect(only.verdict.message).toContain('has no effect');
  });

  it('a rule with an impossible CIDR fails closed and its status names the field', () => {
    const rules = [{ from: [{ source: { ipBlocks: ['10.0.0.0/33', '10.0.0.0/8'] } }] }];
    const allow = convert({ rules });
    expect(decide(allow.authorization, connection(CLIENT))).toBe('deny');
    const deny = convert({ action: 'DENY', rules });
    expect(decide(deny.authorization, connection(CLIENT, '192.0.2.1'))).toBe('deny');
    for (const { verdict } of [allow, deny]) {
      expect([verdict.accepted, verdict.reason]).toEqual([false, 'InvalidValue']);
      expect(verdict.message).toContain(
        'spec.rules[0].from[0].source.ipBlocks[0]: "10.0.0.0/33" is not an IP address or CIDR; write ',
      );
    }
  });

  it('a broken field of a DENY rule leaves its other fields in force', () => {
    const { authorization } = convert({
      action: 'DENY',
      rules: [{ from: [{ source: { ipBlocks: ['x'], namespaces: ['a'] } }] }],
    });
    expect(decide(authorization, connection(CLIENT))).toBe('deny');
    expect(decide(authorization, connection('spiffe://cluster.local/ns/b/sa/client'))).toBe('allow');
  });

  it('one broken rule leaves the other rules in force', () => {
    const { authorization } = convert({
      rules: [{ from: [{ source: { ipBlocks: ['x'] } }] }, { from: [{ source: { namespaces: ['a'] } }] }],
    });
    expect(decide(authorization, connection(CLIENT))).toBe('allow');
  });

  it('a bare service account is one of the namespace of the policy', () => {
    const { authorization } = convert({ rules: [{ from: [{ source: { serviceAccounts: ['client', 'other/x'] } }] }] });
    expect(decide(authorization, connection('spiffe://cluster.local/ns/ns/sa/client'))).toBe('allow');
    expect(decide(authorization, connection('spiffe://cluster.local/ns/other/sa/x'))).toBe('allow');
    expect(decide(authorization, connection(CLIENT))).toBe('deny');
  });
});

describe('PeerAuthentication', () => {
  const spec = (mode?: string, ports: Record<number, string> = {}): PeerAuthenticationSpec =>
    parsePeerAuthentication({
      metadata: { name: 'p' },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        ...(mode && { mtls: { mode } }),
        portLevelMtls: Object.fromEntries(Object.entries(ports).map(([port, value]) => [port, { mode: value }])),
      },
    }).spec!;

  it.each<[string, Parameters<typeof effectiveMtls>[0], boolean, number[]]>([
    ['nothing is permissive', {}, false, []],
    ['mesh STRICT', { mesh: spec('STRICT') }, true, []],
    ['namespace over mesh', { mesh: spec('STRICT'), namespace: spec('PERMISSIVE') }, false, []],
    ['workload over namespace', { namespace: spec('STRICT'), workload: spec('DISABLE') }, false, []],
    ['UNSET inherits', { mesh: spec('STRICT'), namespace: spec('UNSET'), workload: spec() }, true, []],
    [
      'a permissive port of a strict workload',
      { workload: spec('STRICT', { 80: 'PERMISSIVE', 81: 'STRICT', 82: 'UNSET', 83: 'DISABLE' }) },
      true,
      [80, 83],
    ],
    [
      'a strict port of a permissive workload',
      { workload: spec('PERMISSIVE', { 80: 'STRICT', 81: 'DISABLE' }) },
      false,
      [80],
    ],
    [
      'a permissive port under an inherited STRICT',
      { mesh: spec('STRICT'), workload: spec('UNSET', { 80: 'PERMISSIVE' }) },
      true,
      [80],
    ],
    ['ports of a namespace-wide resource are ignored', { namespace: spec('STRICT', { 80: 'PERMISSIVE' }) }, true, []],
  ])('%s', (_name, scopes, strict, exceptions) => expect(effectiveMtls(scopes)).toEqual({ strict, exceptions }));

  it('refuses plaintext exactly where the mode is strict', () => {
    const policy = { namespace: 'ns', name: 'p' };
    for (const mode of ['STRICT', 'PERMISSIVE']) {
      for (const portMode of ['STRICT', 'PERMISSIVE']) {
        const mtls = effectiveMtls({ workload: spec(mode, { 80: portMode, 81: portMode }) });
        const name = mtlsPolicyOf(mtls, 'istio-system', policy);
        const sent = [staticStrictPolicy('istio-system'), convertPeerAuthentication(policy, mtls)].find(
          (authorization) => authorization && `${authorization.namespace}/${authorization.name}` === name,
        );
        for (const [port, effective] of [
          [80, portMode],
          [81, portMode],
          [90, mode],
        ] as const) {
          const plaintext = sent ? decide(sent, connection(null, '10.0.0.1', port)) : 'allow';
          expect([mode, portMode, port, plaintext]).toEqual([
            mode,
            portMode,
            port,
            effective === 'STRICT' ? 'deny' : 'allow',
          ]);
          if (sent) expect(decide(sent, connection(CLIENT, '10.0.0.1', port))).toBe('allow');
        }
      }
    }
  });
});

describe('properties', () => {
  const cidr = fc.constantFrom(
    '10.0.0.0/8',
    '10.0.0.1',
    '192.0.2.0/24',
    'fd00::/8',
    '0.0.0.0/0',
    '10.0.0.0/33',
    'nonsense',
  );
  const name = fc.constantFrom('a', 'b', 'a*', '*b', '*');
  const principal = fc.constantFrom(
    'cluster.local/ns/a/sa/x',
    'cluster.local/ns/a/*',
    '*/sa/x',
    '*',
    'other.example/ns/b/sa/y',
  );
  const port = fc.constantFrom('80', '81', '443', '0', 'http');
  const account = fc.constantFrom('x', 'a/x', 'b/y');
  const some = <T>(values: fc.Arbitrary<T>) =>
    fc.option(fc.array(values, { minLength: 1, maxLength: 2 }), { nil: undefined });
  const source = fc.record({
    principals: some(principal),
    notPrincipals: some(principal),
    namespaces: some(name),
    notNamespaces: some(name),
    ipBlocks: some(cidr),
    notIpBlocks: some(cidr),
    notServiceAccounts: some(account),
    requestPrincipals: fc.option(fc.constant(['*']), { nil: undefined, freq: 8 }),
  });
  const operation = fc.record({
    ports: some(port),
    notPorts: some(port),
    methods: fc.option(fc.constant(['GET']), { nil: undefined, freq: 8 }),
  });
  const condition = fc.oneof(
    fc.record({ key: fc.constantFrom('source.ip', 'destination.ip'), values: some(cidr), notValues: some(cidr) }),
    fc.record({ key: fc.constant('source.namespace'), values: some(name), notValues: some(name) }),
    fc.record({ key: fc.constant('destination.port'), values: some(port), notValues: some(port) }),
    fc.record({ key: fc.constant('connection.sni'), values: fc.constant(['x']) }),
  );
  const rule = fc.record(
    {
      from: fc.array(
        source.map((s) => ({ source: s })),
        { minLength: 1, maxLength: 2 },
      ),
      to: fc.array(
        operation.map((o) => ({ operation: o })),
        { minLength: 1, maxLength: 2 },
      ),
      when: fc.array(condition, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
  const conn = fc
    .record({
      ip: fc.constantFrom('10.0.0.1', '10.1.1.1', '192.0.2.9', 'fd00::1'),
      port: fc.constantFrom(80, 81, 443),
      identity: fc.constantFrom(
        null,
        'spiffe://cluster.local/ns/a/sa/x',
        'spiffe://other.example/ns/b/sa/y',
        'spiffe://cluster.local/ns/ns/sa/x',
      ),
    })
    .map(({ ip, port: p, identity }) => connection(identity, ip, p));

  /** A direct reading of the API: true, false, or null where Layer 4 or this value cannot say. */
  type Answer = true | false | 'layer7' | 'broken';

  const any = (
    values: readonly string[] | undefined,
    test: (value: string) => boolean | null,
    negated: boolean,
  ): Answer[] => {
    if (values === undefined) return [];
    const answers = values.map(test);
    if (answers.includes(null)) return ['broken'];
    return [answers.includes(true) !== negated];
  };
  const text = (pattern: string, value: string): boolean =>
    pattern === '*'
      ? value !== ''
      : pattern.startsWith('*')
        ? value.endsWith(pattern.slice(1))
        : pattern.endsWith('*')
          ? value.startsWith(pattern.slice(0, -1))
          : pattern === value;
  const inBlock = (block: string, ip: PolicyConnection['sourceIp']): boolean | null => {
    const parsed = parseCidr(block);
    return parsed === null ? null : cidrContains(parsed, ip);
  };
  const isPort = (value: string, p: number): boolean | null => (/^[1-9]\d*$/.test(value) ? Number(value) === p : null);

  type Fields = Record<string, readonly string[] | undefined>;
  const readSource = (s: Fields, c: PolicyConnection): Answer[] => {
    const id = c.identity;
    const who = id?.text.slice('spiffe://'.length) ?? null;
    const both = (field: string, test: (value: string) => boolean | null): Answer[] => [
      ...any(s[field], test, false),
      ...any(s[`not${field[0]!.toUpperCase()}${field.slice(1)}`], test, true),
    ];
    return [
      ...both('principals', (value) => who !== null && text(value, who)),
      ...both('namespaces', (value) => text(value, id?.namespace ?? '')),
      ...both('ipBlocks', (value) => inBlock(value, c.sourceIp)),
      ...both(
        'serviceAccounts',
        (value) =>
          id !== null && (value.includes('/') ? value : `ns/${value}`) === `${id.namespace}/${id.serviceAccount}`,
      ),
      ...(s['requestPrincipals'] ? (['layer7'] as const) : []),
    ];
  };
  const readOperation = (o: Fields, c: PolicyConnection): Answer[] => [
    ...any(o['ports'], (value) => isPort(value, c.destinationPort), false),
    ...any(o['notPorts'], (value) => isPort(value, c.destinationPort), true),
    ...(o['methods'] ? (['layer7'] as const) : []),
  ];
  const readCondition = (
    w: { key: string; values?: readonly string[] | undefined; notValues?: readonly string[] | undefined },
    c: PolicyConnection,
  ): Answer[] => {
    const test = (value: string): boolean | null =>
      w.key === 'source.ip'
        ? inBlock(value, c.sourceIp)
        : w.key === 'destination.ip'
          ? inBlock(value, c.destinationIp)
          : w.key === 'source.namespace'
            ? text(value, c.identity?.namespace ?? '')
            : isPort(value, c.destinationPort);
    if (w.key === 'connection.sni') return ['layer7'];
    const answers = [...any(w.values, test, false), ...any(w.notValues, test, true)];
    return answers.length === 0 ? ['broken'] : answers;
  };
  /** An entry that says nothing is broken too. */
  const orBroken = (answers: Answer[]): Answer[] => (answers.length === 0 ? ['broken'] : answers);
  type Rule = {
    from?: { source: Fields }[];
    to?: { operation: Fields }[];
    when?: Parameters<typeof readCondition>[0][];
  };
  const clausesOf = (r: Rule, c: PolicyConnection): Answer[][][] => [
    ...(r.from ? [r.from.map((f) => orBroken(readSource(f.source, c)))] : []),
    ...(r.to ? [r.to.map((t) => orBroken(readOperation(t.operation, c)))] : []),
    ...(r.when ?? []).map((w) => [readCondition(w, c)]),
  ];
  const allows = (r: Rule, c: PolicyConnection): boolean => {
    const clauses = clausesOf(r, c);
    if (clauses.flat(2).some((answer) => typeof answer === 'string')) return false;
    return clauses.every((entries) => entries.some((answers) => answers.every((answer) => answer === true)));
  };
  const denies = (r: Rule, c: PolicyConnection): boolean =>
    clausesOf(r, c).every((entries) =>
      entries.some((answers) => {
        const known = answers.filter((answer) => typeof answer === 'boolean');
        return known.length > 0 ? known.every(Boolean) : answers.includes('broken');
      }),
    );

  it('conversion and evaluation together decide as a direct reading of the rules does', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('ALLOW', 'DENY'),
        fc.array(rule, { maxLength: 3 }),
        fc.array(conn, { minLength: 1, maxLength: 6 }),
        (action, rules, connections) => {
          const { authorization } = convert({ action, rules });
          for (const c of connections) {
            const hit = (rules as Rule[]).some((r) => (action === 'ALLOW' ? allows(r, c) : denies(r, c)));
            expect(decide(authorization, c)).toBe((action === 'ALLOW') === hit ? 'allow' : 'deny');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('conversion never throws, and what it sends ztunnel can read', () => {
    const names = [
      'rules',
      'from',
      'to',
      'when',
      'source',
      'operation',
      'ports',
      'ipBlocks',
      'principals',
      'key',
      'values',
      'selector',
      'matchLabels',
      'action',
      'serviceAccounts',
    ];
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.constantFrom('10.0.0.0/8', '80', 'DENY', 'source.ip', 'a/b', '*'),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('value')),
      ),
    }));
    fc.assert(
      fc.property(value, (spec) => {
        const { authorization, verdict } = convert(spec);
        expect(verdict.message).not.toBe('');
        if (authorization !== null) expect(compilePolicy(authorization).ok).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
