import { parseIp } from '@weft/ip';
import { parseAuthorizationPolicy } from '@weft/mesh-api';
import { evaluateRequest } from './evaluate-request.js';
import type { RequestAttributes } from './request-attributes.js';

const REQUEST: RequestAttributes = {
  sourceIp: parseIp('10.0.0.1')!,
  remoteIp: parseIp('1.2.3.4')!,
  destinationIp: parseIp('10.96.0.1')!,
  destinationPort: 80,
  principal: 'spiffe://cluster.local/ns/shop/sa/client',
  serverName: '',
  method: 'GET',
  path: '/a/b?c=d',
  host: 'web.shop',
  headers: { 'x-team': 'blue' },
  claims: { iss: 'https://issuer', sub: 'me', groups: ['admin', 'dev'] },
};

const policy = (spec: object, annotations: Record<string, string> = {}) =>
  parseAuthorizationPolicy({ metadata: { name: 'p', namespace: 'shop', annotations }, spec });
const decisionOf = (...specs: object[]): string =>
  evaluateRequest(
    REQUEST,
    specs.map((spec) => policy(spec)),
  ).decision;
const to = (operation: object) => ({ rules: [{ to: [{ operation }] }] });
const from = (source: object) => ({ rules: [{ from: [{ source }] }] });

describe('a request is decided by its policies', () => {
  it('denied by any DENY that matches, whatever ALLOW says; without ALLOW allowed', () => {
    expect(decisionOf()).toBe('allow');
    expect(decisionOf({ action: 'DENY', ...to({ methods: ['GET'] }) }, { rules: [{}] })).toBe('deny');
    expect(decisionOf({ action: 'DENY', ...to({ methods: ['POST'] }) })).toBe('allow');
    expect(decisionOf({ rules: [] })).toBe('deny');
  });

  it.each([
    [to({ paths: ['/a/{*}'] })],
    [to({ paths: ['/{**}'] })],
    [to({ paths: ['*/b'], notPaths: ['/b*'] })],
    [to({ hosts: ['WEB.shop'], ports: ['80'] })],
    [from({ namespaces: ['sh*'], notIpBlocks: ['10.1.0.0/16'] })],
    [from({ serviceAccounts: ['client'] })],
    [from({ requestPrincipals: ['https://issuer/*'], remoteIpBlocks: ['1.2.3.0/24'] })],
    [{ rules: [{ when: [{ key: 'request.auth.claims[groups]', values: ['adm*'] }] }] }],
    [{ rules: [{ when: [{ key: 'request.headers[X-Team]', values: ['b*'], notValues: ['red'] }] }] }],
  ])('allowed by %j', (spec) => {
    expect(decisionOf(spec)).toBe('allow');
  });

  it.each([
    [to({ paths: ['/{*}'] })],
    [to({ paths: ['/a/b?c=d'] })],
    [from({ principals: ['cluster.local/ns/shop/sa/other'] })],
    [from({ trustDomains: ['other.*'] })],
    [{ rules: [{ when: [{ key: 'request.headers[x-none]', values: ['*'] }] }] }],
    [{ rules: [{ when: [{ key: 'nonsense', values: ['*'] }] }] }],
  ])('not by %j', (spec) => {
    expect(decisionOf(spec)).toBe('deny');
  });

  it('by policies for a trial not at all; CUSTOM and AUDIT are told', () => {
    const trial = policy({ action: 'DENY', rules: [{}] }, { 'istio.io/dry-run': 'true' });
    const custom = policy({ action: 'CUSTOM', provider: { name: 'ask' }, ...to({ paths: ['/a*'] }) });
    const audit = policy({ action: 'AUDIT', rules: [{}] });
    expect(evaluateRequest(REQUEST, [trial, custom, audit])).toEqual({
      decision: 'allow',
      hit: null,
      audited: [{ policy: 'shop/p', rule: 0 }],
      asked: ['ask'],
    });
  });
});
