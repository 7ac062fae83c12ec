import { structurallyEqual } from '@weft/collections';
import type { HttpRouteFilter, HttpRouteMatch, HttpRouteRule, HttpRouteSpec, PathModifier } from '@weft/mesh-api';
import {
  backendKey,
  type Readable,
  type Referring,
  type RouteDestination,
  type RouteDestinations,
} from '@weft/mesh-model';
import type { RedirectAction } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { PackedAny } from '../messages/any.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { CORS_FILTER, gatewayCors } from './cors-filter.js';
import { clustersAction, respond, type RouteActionDraft, type RouteDraft, type WeightedTarget } from './forward.js';
import { fractionalPercent } from './fraction.js';
import { gatewayApiMatch, hasUsableRegexes, rankOf } from './gateway-api-match.js';
import { headerFields, NO_CHANGES, type HeaderChanges } from './header-changes.js';
import { redirectCode } from './redirect-code.js';
import { CONNECTION_CONDITIONS, retryPolicy } from './retry-policy.js';
import { clusterOf, hashPolicyFor, UNKNOWN_SERVICE } from './route-target.js';
import { quoted } from './string-matcher.js';

/** Of all HTTPRoutes of a service, in the order in which Envoy has to try them. */
export function gatewayApiRoutes(
  routes: readonly Readable<HttpRouteSpec>[],
  destinations: RouteDestinations,
): readonly RouteDraft[] {
  const candidates = routes.flatMap(candidatesOf);
  // The sort is stable: what is equally specific stays in the order of age, name, rule.
  return candidates.sort((a, b) => a.rank - b.rank).map((one) => routeOf(one, destinations));
}

/** A match of a rule, and what was made of it. */
interface Candidate {
  readonly name: string;
  readonly from: Referring;
  readonly rule: HttpRouteRule;
  readonly match: HttpRouteMatch;
  readonly rank: number;
  /** Where its backends stand among the destinations. */
  readonly backends: readonly string[];
  last: { places: readonly (RouteDestination | undefined)[]; readonly route: RouteDraft } | null;
}

const remembered = new WeakMap<HttpRouteSpec, { readonly prefix: string; readonly candidates: Candidate[] }>();

function candidatesOf({ meta: { namespace, name }, spec }: Readable<HttpRouteSpec>): readonly Candidate[] {
  const prefix = `${namespace}.${name}`;
  const last = remembered.get(spec);
  if (last?.prefix === prefix) return last.candidates;
  const from: Referring = { kind: 'HTTPRoute', namespace };
  const candidates = spec.rules.map(withFiltersOfOnlyBackend).flatMap((rule, i) => {
    const backends = backendsOf(rule).map((ref) => backendKey(ref, from));
    // A match with an expression that Envoy does not take matches nothing.
    return rule.matches
      .filter(hasUsableRegexes)
      .map((match) => ({ name: `${prefix}.${i}`, from, rule, match, rank: rankOf(match), backends, last: null }));
  });
  remembered.set(spec, { prefix, candidates });
  return candidates;
}

/** The same object as long as nothing changed that it is made of: of thousands of routes one change makes one. */
function routeOf(candidate: Candidate, destinations: RouteDestinations): RouteDraft {
  const { name, from, rule, match, backends, last } = candidate;
  if (last !== null && backends.every((key, i) => isSamePlace(destinations[key], last.places[i]))) return last.route;
  const places = backends.map((key) => destinations[key]);
  const route = ruleRoute(name, rule, match, { from, destinations });
  candidate.last = { places, route };
  return route;
}

/** What a destination was last found to be equal to: thousands of routes ask of the same one. */
const equals = new WeakMap<RouteDestination, RouteDestination>();

function isSamePlace(now: RouteDestination | undefined, last: RouteDestination | undefined): boolean {
  if (now === last) return true;
  if (now === undefined || last === undefined) return false;
  if (equals.get(now) === last) return true;
  const same = structurallyEqual(now, last);
  if (same) equals.set(now, last);
  return same;
}

export interface RuleContext {
  readonly from: Referring;
  readonly destinations: RouteDestinations;
}

/** What is asked for the one backend that all requests go to is asked for all requests. */
function withFiltersOfOnlyBackend(rule: HttpRouteRule): HttpRouteRule {
  const [only, ...others] = rule.backendRefs.filter(({ weight }) => weight > 0);
  if (only === undefined || others.length > 0) return rule;
  const general = find(rule.filters, 'urlRewrite');
  const lifted = only.filters.flatMap((one): readonly HttpRouteFilter[] => {
    if (one.urlRewrite !== undefined) return [{ ...one, urlRewrite: { ...general, ...one.urlRewrite } }];
    return one.requestRedirect === undefined ? [] : [one];
  });
  if (lifted.length === 0) return rule;
  const filters = only.filters.filter((one) => one.urlRewrite === undefined && one.requestRedirect === undefined);
  return { ...rule, filters: [...lifted, ...rule.filters], backendRefs: [{ ...only, filters }] };
}

/** Envoy cannot do these for a share of the requests; left out in silence they must not be. */
const isImpossible = ({ type, requestRedirect, urlRewrite }: HttpRouteFilter): boolean =>
  type === 'ExtensionRef' || requestRedirect !== undefined || urlRewrite?.path !== undefined;

const backendsOf = ({ backendRefs, filters }: HttpRouteRule) => [
  ...backendRefs,
  ...filters.flatMap(({ requestMirror }) => requestMirror?.backendRef ?? []),
];

/** One match of a rule. A call that cannot be forwarded is answered as a gRPC client expects: 503 is UNAVAILABLE to it. */
export function ruleRoute(name: string, rule: HttpRouteRule, match: HttpRouteMatch, context: RuleContext): RouteDraft {
  const typedPerFilterConfig: Record<string, PackedAny> = {};
  const cors = find(rule.filters, 'cors');
  if (cors !== undefined) typedPerFilterConfig[CORS_FILTER] = gatewayCors(cors);
  return {
    name,
    match: gatewayApiMatch(match),
    ...headerFields(
      changesOf(find(rule.filters, 'requestHeaderModifier')),
      changesOf(find(rule.filters, 'responseHeaderModifier')),
    ),
    typedPerFilterConfig,
    action: actionOf(rule, match, context),
  };
}

function actionOf(rule: HttpRouteRule, match: HttpRouteMatch, context: RuleContext): RouteDraft['action'] {
  const unavailable = unavailableTo(context.from);
  // A filter that cannot be applied must not be left out in silence.
  if (rule.filters.some(({ type }) => type === 'ExtensionRef')) return respond(unavailable);
  const redirect = find(rule.filters, 'requestRedirect');
  if (redirect !== undefined) return { $case: 'redirect', value: redirectAction(redirect, match) };
  const targets = rule.backendRefs.map((ref): WeightedTarget => {
    const cluster = ref.filters.some(isImpossible)
      ? UNKNOWN_SERVICE
      : clusterOf(context.destinations[backendKey(ref, context.from)], { port: ref.port ?? 0 });
    return {
      cluster,
      weight: ref.weight,
      request: changesOf(find(ref.filters, 'requestHeaderModifier')),
      response: changesOf(find(ref.filters, 'responseHeaderModifier')),
      host: find(ref.filters, 'urlRewrite')?.hostname,
    };
  });
  const action = clustersAction(targets, unavailable);
  return action === null
    ? respond(unavailable)
    : { $case: 'route', value: { ...action, ...forwarding(rule, match, context) } };
}

const unavailableTo = ({ kind }: Referring): 500 | 503 => (kind === 'GRPCRoute' ? 503 : 500);

function forwarding(rule: HttpRouteRule, match: HttpRouteMatch, context: RuleContext): RouteActionDraft {
  const { timeouts, retry } = rule;
  const perTry = retry === undefined ? undefined : timeouts?.backendRequest;
  const whole = timeouts?.request ?? (retry === undefined ? timeouts?.backendRequest : undefined);
  const [first] = rule.backendRefs;
  const hashPolicy =
    first === undefined ? [] : hashPolicyFor(context.destinations[backendKey(first, context.from)], first.port ?? 0);
  const policy = retryPolicy({
    samePlace: hashPolicy.length > 0,
    conditions: retry === undefined ? undefined : CONNECTION_CONDITIONS,
    attempts: retry?.attempts,
    perTryTimeoutMs: perTry,
    statusCodes: retry?.codes,
    backoffMs: retry?.backoff,
  });
  const rewrite = find(rule.filters, 'urlRewrite');
  return {
    timeout: duration(whole ?? 0),
    ...(policy === null ? {} : { retryPolicy: policy }),
    ...(rewrite?.hostname === undefined
      ? {}
      : { hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: rewrite.hostname } }),
    ...(rewrite?.path === undefined ? {} : rewritePath(rewrite.path, match)),
    hashPolicy:
      first === undefined ? [] : hashPolicyFor(context.destinations[backendKey(first, context.from)], first.port ?? 0),
    requestMirrorPolicies: rule.filters.flatMap(({ requestMirror }) => {
      if (requestMirror === undefined) return [];
      const { backendRef, percent, fraction } = requestMirror;
      const cluster = clusterOf(context.destinations[backendKey(backendRef, context.from)], {
        port: backendRef.port ?? 0,
      });
      const share = fraction === undefined ? (percent ?? 100) : (fraction.numerator / fraction.denominator) * 100;
      if (cluster === UNKNOWN_SERVICE) return [];
      return [{ cluster, runtimeFraction: { defaultValue: fractionalPercent(share) }, traceSampled: false }];
    }),
  };
}

type PathRewrite = Pick<RouteActionDraft, 'prefixRewrite' | 'regexRewrite'>;

function rewritePath(path: PathModifier, match: HttpRouteMatch): PathRewrite {
  if (path.type === 'ReplaceFullPath') return { regexRewrite: wholePath(path.replaceFullPath ?? '/') };
  return prefixRewrite(path.replacePrefixMatch ?? '/', match);
}

const wholePath = (path: string) => ({ pattern: { regex: '^[^?]*' }, substitution: substitution(path) });

/** In the replacement of a regular expression a backslash begins a group. */
const substitution = (text: string): string => text.replaceAll('\\', '\\\\');

/** Slashes between the two halves are neither lost nor doubled. */
function prefixRewrite(replacement: string, match: HttpRouteMatch): PathRewrite {
  const prefix = match.path.value.replace(/\/+$/, '');
  const target = replacement.replace(/\/+$/, '');
  if (prefix === '') return { regexRewrite: { pattern: { regex: '^/*' }, substitution: substitution(`${target}/`) } };
  if (target === '') return { regexRewrite: { pattern: { regex: `^${quoted(prefix)}/*` }, substitution: '/' } };
  return { prefixRewrite: target };
}

function redirectAction(
  { scheme, hostname, path, port, statusCode }: NonNullable<HttpRouteFilter['requestRedirect']>,
  match: HttpRouteMatch,
): Draft<typeof RedirectAction> {
  return {
    ...(scheme === undefined ? {} : { schemeRewriteSpecifier: { $case: 'schemeRedirect', value: scheme } }),
    hostRedirect: hostname ?? '',
    portRedirect: port ?? 0,
    responseCode: redirectCode(statusCode)!,
    ...(path === undefined ? {} : { pathRewriteSpecifier: redirectPath(path, match) }),
  };
}

function redirectPath(path: PathModifier, match: HttpRouteMatch): Draft<typeof RedirectAction>['pathRewriteSpecifier'] {
  if (path.type === 'ReplaceFullPath') return { $case: 'pathRedirect', value: path.replaceFullPath ?? '/' };
  const { prefixRewrite: prefix, regexRewrite } = prefixRewrite(path.replacePrefixMatch ?? '/', match);
  return prefix === undefined
    ? { $case: 'regexRewrite', value: regexRewrite! }
    : { $case: 'prefixRewrite', value: prefix };
}

type FilterPart = Exclude<keyof HttpRouteFilter, 'type'>;

function find<K extends FilterPart>(filters: readonly HttpRouteFilter[], part: K): HttpRouteFilter[K] | undefined {
  return filters.find((one) => one[part] !== undefined)?.[part];
}

function changesOf(modifier: HttpRouteFilter['requestHeaderModifier']): HeaderChanges {
  if (modifier === undefined) return NO_CHANGES;
  const pairs = (items: readonly { readonly name: string; readonly value: string }[]) =>
    items.map(({ name, value }) => [name, value] as const);
  return { set: pairs(modifier.set), add: pairs(modifier.add), remove: modifier.remove };
}
