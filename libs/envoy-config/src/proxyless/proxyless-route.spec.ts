import { duration } from '../messages/duration.js';
import type { RouteDraft } from '../routes/forward.js';
import { exactly } from '../routes/string-matcher.js';
import { proxylessRetries } from './proxyless-retries.js';
import { proxylessRoute } from './proxyless-route.js';

const header = (name: string, value: string) => ({
  name,
  headerMatchSpecifier: { $case: 'stringMatch' as const, value: exactly(value) },
});
const TO_A: RouteDraft['action'] = { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'a' } } };
const convert = (match: RouteDraft['match'], action: RouteDraft['action'] = TO_A) =>
  proxylessRoute({ match, action }, (cluster) => cluster === 'a' || cluster === 'b');
const target = (action: RouteDraft['action']) => {
  const made = convert({ pathSpecifier: { $case: 'prefix', value: '/' } }, action)?.action;
  return made?.$case === 'route' ? made.value?.clusterSpecifier : undefined;
};

describe('a route for clients that route by themselves', () => {
  it('matches a whole element of the path by an expression', () => {
    const made = convert({ pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/a.B' } });
    expect(made?.match?.pathSpecifier).toEqual({ $case: 'safeRegex', value: { regex: '/a\\.B(/.*)?' } });
  });

  it.each([
    ['a query', { queryParameters: [{ name: 'q' }] }],
    ['another method', { headers: [header(':method', 'GET')] }],
    ['any but POST', { headers: [{ ...header(':method', 'POST'), invertMatch: true }] }],
    ['an authority', { headers: [header(':authority', 'a')] }],
  ])('is left out if it wants %s, which no call of theirs has', (_what, match) => {
    expect(convert(match)).toBeNull();
  });

  it('keeps headers, and loses POST, which all calls are', () => {
    expect(convert({ headers: [header(':method', 'POST'), header('x', '1')] })?.match?.headers).toEqual([
      header('x', '1'),
    ]);
  });

  it.each<[string, RouteDraft['action']]>([
    ['a redirect', { $case: 'redirect', value: {} }],
    ['an answer of its own', { $case: 'directResponse', value: { status: 500 } }],
    ['a cluster that is not there', { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: 'c' } } }],
  ])('fails where it would be %s', (_what, action) => {
    expect(target(action)).toEqual({ $case: 'cluster', value: 'UnknownService' });
  });

  it('keeps the share of a cluster that is not there', () => {
    const clusters = [
      { name: 'a', weight: 1 },
      { name: 'c', weight: 3 },
    ];
    expect(
      target({ $case: 'route', value: { clusterSpecifier: { $case: 'weightedClusters', value: { clusters } } } }),
    ).toEqual({
      $case: 'weightedClusters',
      value: {
        clusters: [
          { name: 'a', weight: 1 },
          { name: 'UnknownService', weight: 3 },
        ],
      },
    });
  });

  it('limits the whole call by the timeout, and by none without one', () => {
    const made = (timeoutMs: number) => {
      const value = { clusterSpecifier: { $case: 'cluster' as const, value: 'a' }, timeout: duration(timeoutMs) };
      const action = convert({}, { $case: 'route', value })?.action;
      return action?.$case === 'route' ? action.value?.maxStreamDuration : null;
    };
    expect(made(1500)).toEqual({ maxStreamDuration: duration(1500) });
    expect(made(0)).toBeUndefined();
  });

  it.each([
    ['gateway-error,unavailable', [], 'unavailable'],
    ['cancelled,connect-failure', [], 'cancelled,unavailable'],
    ['retriable-status-codes', [503], 'unavailable'],
    ['retriable-status-codes', [500], null],
    ['deadline-exceeded,internal,resource-exhausted', [], 'deadline-exceeded,internal,resource-exhausted'],
  ])('retries on %s %j as on %s', (retryOn, retriableStatusCodes, expected) => {
    expect(proxylessRetries({ retryOn, retriableStatusCodes, numRetries: 2 })?.retryOn ?? null).toBe(expected);
  });
});
