import * as fc from 'fast-check';
import { parseIp } from '@weft/ip';
import { formatSpiffeId, parseSpiffeId } from '@weft/spiffe';
import type { Match } from '@weft/xds/gen/mesh/security/authorization.js';
import { Action, Authorization, Scope, type StringMatch } from '@weft/xds/gen/mesh/security/authorization.js';
import type { PolicyConnection } from './evaluate-match.js';
import { compilePolicy, type CompiledPolicy } from './evaluate-policy.js';
import { evaluatePolicies } from './evaluate.js';

type MatchFields = Parameters<typeof Match.fromPartial>[0];

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/web';
const exact = (value: string) => ({ matchType: { $case: 'exact' as const, value } });
const prefix = (value: string) => ({ matchType: { $case: 'prefix' as const, value } });
const suffix = (value: string) => ({ matchType: { $case: 'suffix' as const, value } });
const presence = () => ({ matchType: { $case: 'presence' as const, value: {} } });
const cidr = (text: string) => {
  const [address = '', length] = text.split('/');
  return { address: Buffer.from(parseIp(address)!.bytes), length: Number(length) };
};

function connection(overrides: { source?: string; port?: number; identity?: string | null } = {}): PolicyConnection {
  const { source = '10.0.0.1', port = 80, identity = CLIENT } = overrides;
  const parsed = identity === null ? null : parseSpiffeId(identity);
  if (parsed?.ok === false) throw parsed.error;
  return {
    sourceIp: parseIp(source)!,
    destinationIp: parseIp('10.0.0.9')!,
    destinationPort: port,
    identity: parsed?.value ?? null,
  };
}

function policy(
  action: Action,
  groups: readonly (readonly (readonly MatchFields[])[])[],
  fields: { dryRun?: boolean; name?: string } = {},
): CompiledPolicy {
  const compiled = compilePolicy(
    Authorization.fromPartial({
      name: fields.name ?? 'p',
      namespace: 'ns',
      scope: Scope.NAMESPACE,
      action,
      dryRun: fields.dryRun ?? false,
      groups: groups.map((clauses) => ({ rules: clauses.map((matches) => ({ matches: [...matches] })) })),
    }),
  );
  if (!compiled.ok) throw new Error(compiled.error);
  return compiled.value;
}
const allow = (match: MatchFields) => policy(Action.ALLOW, [[[match]]]);
const deny = (match: MatchFields) => policy(Action.DENY, [[[match]]], { name: 'd' });
const holds = (match: MatchFields, on = connection()) => evaluatePolicies(on, [allow(match)]).decision === 'allow';

describe('a match', () => {
  it.each<[string, MatchFields, boolean]>([
    ['principal equals without the spiffe:// prefix', { principals: [exact('cluster.local/ns/shop/sa/web')] }, true],
    ['principal with the prefix is another string', { principals: [exact(CLIENT)] }, false],
    ['principal prefix', { principals: [prefix('cluster.local/ns/shop/')] }, true],
    ['principal suffix', { principals: [suffix('/sa/web')] }, true],
    ['principal presence', { principals: [presence()] }, true],
    ['any of several values', { principals: [exact('x'), suffix('web')] }, true],
    ['not_principals none may match', { notPrincipals: [exact('x'), suffix('web')] }, false],
    ['namespace', { namespaces: [exact('shop')] }, true],
    ['not_namespaces', { notNamespaces: [exact('shop')] }, false],
    ['service account of any trust domain', { serviceAccounts: [{ namespace: 'shop', serviceAccount: 'web' }] }, true],
    [
      'service account of another namespace',
      { serviceAccounts: [{ namespace: 'legacy', serviceAccount: 'web' }] },
      false,
    ],
    ['not_service_accounts', { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'web' }] }, false],
    ['source CIDR', { sourceIps: [cidr('10.0.0.0/8')] }, true],
    ['source CIDR compares bits, not text', { sourceIps: [cidr('10.0.0.0/31')] }, true],
    ['source CIDR outside', { sourceIps: [cidr('10.0.0.2/31')] }, false],
    ['source 0.0.0.0/0', { sourceIps: [cidr('0.0.0.0/0')] }, true],
    ['IPv6 network never holds an IPv4 peer', { sourceIps: [cidr('::/0')] }, false],
    ['not_source_ips', { notSourceIps: [cidr('10.0.0.1/32')] }, false],
    ['destination CIDR', { destinationIps: [cidr('10.0.0.9/32')] }, true],
    ['not_destination_ips', { notDestinationIps: [cidr('10.0.0.9/32')] }, false],
    ['destination port', { destinationPorts: [443, 80] }, true],
    ['destination port differs', { destinationPorts: [443] }, false],
    ['not_destination_ports', { notDestinationPorts: [80] }, false],
    ['fields AND', { principals: [presence()], destinationPorts: [443] }, false],
    ['positive and negative must both hold', { namespaces: [prefix('sh')], notNamespaces: [exact('shop')] }, false],
    ['all fields empty never matches', {}, false],
  ])('%s', (_rule, match, want) => expect(holds(match)).toBe(want));

  it.each<[string, MatchFields, boolean]>([
    ['principals are false', { principals: [presence()] }, false],
    ['a principal prefix "" is false too', { principals: [prefix('')] }, false],
    ['not_principals presence is satisfied: unauthenticated', { notPrincipals: [presence()] }, true],
    ['the namespace is empty', { namespaces: [exact('')] }, true],
    ['namespace presence is false', { namespaces: [presence()] }, false],
    ['not_namespaces is satisfied', { notNamespaces: [exact('shop')] }, true],
    ['service accounts are false', { serviceAccounts: [{ namespace: '', serviceAccount: '' }] }, false],
    ['not_service_accounts is satisfied', { notServiceAccounts: [{ namespace: '', serviceAccount: '' }] }, true],
  ])('without an identity: %s', (_rule, match, want) =>
    expect(holds(match, connection({ identity: null }))).toBe(want),
  );

  it('an IPv4-mapped network is the IPv4 one', () => {
    const mapped = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 0]);
    expect(holds({ sourceIps: [{ address: mapped, length: 104 }] })).toBe(true);
  });
});

describe('a policy', () => {
  it.each<[string, MatchFields[][][], boolean]>([
    ['no rules never matches', [], false],
    ['a rule without clauses matches', [[]], true],
    ['a clause without matches is true', [[[]]], true],
    ['rules OR', [[[{ destinationPorts: [1] }]], [[{ destinationPorts: [80] }]]], true],
    ['clauses AND', [[[{ destinationPorts: [80] }], [{ destinationPorts: [1] }]]], false],
    ['matches OR', [[[{ destinationPorts: [1] }, { destinationPorts: [80] }]]], true],
    ['an empty match among others changes nothing', [[[{}, { destinationPorts: [80] }]]], true],
  ])('%s', (_rule, groups, want) => {
    expect(evaluatePolicies(connection(), [policy(Action.ALLOW, groups)]).decision).toBe(want ? 'allow' : 'deny');
  });

  it.each<[string, Parameters<typeof Authorization.fromPartial>[0], string]>([
    ['scope', { scope: Scope.UNRECOGNIZED }, 'unknown scope -1'],
    ['action', { action: Action.UNRECOGNIZED }, 'unknown action -1'],
    [
      'address',
      { groups: [{ rules: [{ matches: [{ sourceIps: [{ address: Buffer.from([1]), length: 8 }] }] }] }] },
      'rule 0: source_ips: an address has 1 bytes, want 4 or 16',
    ],
    [
      'prefix',
      {
        groups: [
          { rules: [{ matches: [{ notDestinationIps: [{ address: Buffer.from([1, 2, 3, 4]), length: 33 }] }] }] },
        ],
      },
      'rule 0: not_destination_ips: prefix length 33 does not fit 1.2.3.4',
    ],
    [
      'string match',
      { groups: [{ rules: [{ matches: [{ principals: [{}] }] }] }] },
      'rule 0: principals: a string match has no type: want exact, prefix, suffix or presence',
    ],
  ])('is rejected with the field named: %s', (_field, message, want) => {
    const compiled = compilePolicy(Authorization.fromPartial(message));
    expect(compiled.ok ? null : compiled.error).toBe(want);
  });
});

describe('evaluatePolicies', () => {
  const any: MatchFields = { sourceIps: [cidr('0.0.0.0/0')] };
  const none: MatchFields = { destinationPorts: [1] };

  it('no policies allow', () => expect(evaluatePolicies(connection(), []).decision).toBe('allow'));
  it('DENY wins over ALLOW and is named', () => {
    expect(evaluatePolicies(connection(), [allow(any), deny(any)])).toMatchObject({
      decision: 'deny',
      reason: 'explicitly denied by: ns/d',
      hit: { policy: 'ns/d', rule: 0 },
    });
  });
  it('a DENY that does not match, without ALLOW, allows', () => {
    expect(evaluatePolicies(connection(), [deny(none)]).decision).toBe('allow');
  });
  it('ALLOW policies of which none matches deny, and are named', () => {
    expect(evaluatePolicies(connection(), [allow(none)])).toMatchObject({
      reason: 'allow policies exist, but none allowed',
      unmatched: ['ns/p'],
    });
  });
  it('dry-run policies only report', () => {
    const dry = policy(Action.DENY, [[[any]]], { dryRun: true, name: 'dry' });
    expect(evaluatePolicies(connection(), [dry])).toMatchObject({
      decision: 'allow',
      dryRun: { denied: { policy: 'ns/dry' } },
    });
    const dryAllow = policy(Action.ALLOW, [[[none]]], { dryRun: true });
    expect(evaluatePolicies(connection(), [dryAllow])).toMatchObject({ decision: 'allow', dryRun: { allowed: null } });
  });
  it('STRICT as converted: DENY unless a principal is present', () => {
    const strict = deny({ notPrincipals: [presence()] });
    expect(evaluatePolicies(connection({ identity: null }), [strict]).decision).toBe('deny');
    expect(evaluatePolicies(connection(), [strict]).decision).toBe('allow');
  });
});

describe('properties', () => {
  const name = fc.constantFrom('a', 'b', 'ab', '');
  const stringMatch = fc.oneof(name.map(exact), name.map(prefix), name.map(suffix), fc.constant(presence()));
  const octets = fc.uint8Array({ minLength: 4, maxLength: 4, max: 3 });
  const address = fc.record({ address: octets.map((bytes) => Buffer.from(bytes)), length: fc.nat(32) });
  const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { maxLength: 2 });
  const port = fc.integer({ min: 1, max: 3 });
  const account = fc.record({ namespace: name, serviceAccount: name });
  const match = fc.record(
    {
      namespaces: few(stringMatch),
      notNamespaces: few(stringMatch),
      principals: few(stringMatch),
      notPrincipals: few(stringMatch),
      sourceIps: few(address),
      notSourceIps: few(address),
      destinationIps: few(address),
      notDestinationIps: few(address),
      destinationPorts: few(port),
      notDestinationPorts: few(port),
      serviceAccounts: few(account),
      notServiceAccounts: few(account),
    },
    { requiredKeys: [] },
  );
  const policies = fc.array(
    fc
      .record({
        action: fc.constantFrom(Action.ALLOW, Action.DENY),
        dryRun: fc.boolean(),
        groups: few(fc.record({ rules: few(fc.record({ matches: few(match) })) })),
      })
      .map((fields) => Authorization.fromPartial({ ...fields, name: 'n', namespace: 'ns' })),
    { maxLength: 4 },
  );
  const identity = fc.option(
    fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom('a', 'b', 'ab'), fc.constantFrom('a', 'b', 'ab')),
  );
  const connections = fc.record({ source: octets, destination: octets, port, identity });

  it('decides as the sentences of the specification, read naively', () => {
    fc.assert(
      fc.property(connections, policies, (context, messages) => {
        const dotted = (bytes: Uint8Array) => parseIp(bytes.join('.'))!;
        const spiffe = context.identity === null ? null : parseSpiffeId(formatSpiffeId(...context.identity));
        const on: PolicyConnection = {
          sourceIp: dotted(context.source),
          destinationIp: dotted(context.destination),
          destinationPort: context.port,
          identity: spiffe?.ok === true ? spiffe.value : null,
        };
        const compiled = messages.map((message) => {
          const result = compilePolicy(message);
          if (!result.ok) throw new Error(result.error);
          return result.value;
        });
        expect(evaluatePolicies(on, compiled).decision).toBe(naive(on, messages) ? 'allow' : 'deny');
      }),
      { numRuns: 500 },
    );
  });

  it('compilePolicy never throws, whatever the wire brings', () => {
    const wild = fc.record({
      scope: fc.integer(),
      action: fc.integer(),
      groups: few(
        fc.record({
          rules: few(
            fc.record({
              matches: few(
                fc.record({
                  sourceIps: few(
                    fc.record({
                      address: fc.uint8Array({ maxLength: 17 }).map((b) => Buffer.from(b)),
                      length: fc.integer(),
                    }),
                  ),
                }),
              ),
            }),
          ),
        }),
      ),
    });
    fc.assert(fc.property(wild, (message) => void compilePolicy(Authorization.fromPartial(message as never))));
  });
});

/** The rules of the specification with no compilation, no sets and no early exit. */
function naive(on: PolicyConnection, policies: readonly Authorization[]): boolean {
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text =
    (value: string) =>
    ({ matchType }: StringMatch) =>
      matchType?.$case === 'exact'
        ? value === matchType.value
        : matchType?.$case === 'prefix'
          ? value.startsWith(matchType.value)
          : matchType?.$case === 'suffix'
            ? value.endsWith(matchType.value)
            : value.length > 0;
  const within =
    (ip: Uint8Array) =>
    ({ address, length }: { address: Uint8Array; length: number }) =>
      bits(ip).slice(0, length) === bits(address).slice(0, length);
  const namespace = text(on.identity === null ? '' : on.identity.namespace);
  const principal = (m: StringMatch) => on.identity !== null && text(on.identity.text.replace('spiffe://', ''))(m);
  const account = (a: { namespace: string; serviceAccount: string }) =>
    on.identity?.namespace === a.namespace && on.identity.serviceAccount === a.serviceAccount;
  const matchHolds = (m: Match): boolean => {
    const checks: boolean[] = [];
    const check = <T>(yes: readonly T[], no: readonly T[], test: (value: T) => boolean) => {
      if (yes.length > 0) checks.push(yes.filter(test).length > 0);
      if (no.length > 0) checks.push(no.filter(test).length === 0);
    };
    check(m.namespaces, m.notNamespaces, namespace);
    check(m.principals, m.notPrincipals, principal);
    check(m.sourceIps, m.notSourceIps, within(on.sourceIp.bytes));
    check(m.destinationIps, m.notDestinationIps, within(on.destinationIp.bytes));
    check(m.destinationPorts, m.notDestinationPorts, (port) => port === on.destinationPort);
    check(m.serviceAccounts, m.notServiceAccounts, account);
    return checks.length > 0 && !checks.includes(false);
  };
  const policyHolds = ({ groups }: Authorization) =>
    groups.some(({ rules }) => rules.every(({ matches }) => matches.length === 0 || matches.some(matchHolds)));
  const live = policies.filter(({ dryRun }) => !dryRun);
  if (live.some((p) => p.action === Action.DENY && policyHolds(p))) return false;
  const allows = live.filter((p) => p.action === Action.ALLOW);
  return allows.length === 0 || allows.some(policyHolds);
}
