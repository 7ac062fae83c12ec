import type {
  Destination,
  Headers,
  HttpMatch,
  Redirect,
  Retries,
  Rewrite,
  RouteDestination as IstioDestination,
  VirtualServiceSpec,
} from '@weft/mesh-api';
import { gatewayKey, qualifiedHost, type Readable, type RouteDestinations } from '@weft/mesh-model';
import type { RedirectAction } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import type { PackedAny } from '../messages/any.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { CORS_FILTER, istioCors } from './cors-filter.js';
import { FAULT_FILTER, faultConfig } from './fault-filter.js';
import { clustersAction, respond, type RouteActionDraft, type RouteDraft, type WeightedTarget } from './forward.js';
import { fractionalPercent } from './fraction.js';
import { headerFields, hostOf, NO_CHANGES, type HeaderChanges } from './header-changes.js';
import { istioMatch } from './istio-match.js';
import { redirectCode } from './redirect-code.js';
import { istioRetries } from './retry-policy.js';
import { clusterOf, hashPolicyFor, UNKNOWN_SERVICE } from './route-target.js';
import { isUsableRewrite } from './usable-regex.js';

type HttpRule = VirtualServiceSpec['http'][number];

/** Where the routes are used. */
export interface IstioRouteContext {
  readonly clusterDomain: string;
  /** The port that clients ask for. */
  readonly port: number;
  /** Of the clients that the routes are for; undefined: of all that no namespace is told of. */
  readonly clientNamespace?: string | undefined;
  readonly destinations: RouteDestinations;
  /** Gateway of Istio's own kind, `<namespace>/<name>`; undefined: clients in the mesh. */
  readonly gateway?: string | undefined;
  /** Of the mesh, for routes that say nothing. */
  readonly defaultRetries?: Retries | undefined;
}

interface RuleContext extends IstioRouteContext {
  readonly namespace: string;
}

/**
 * Routes of VirtualServices one after the other. A rule without conditions takes everything, so that nothing after it counts.
 * Conditions on labels of the client cannot be seen in a waypoint: such a match is left out.
 */
export function istioRoutes(
  services: readonly Readable<VirtualServiceSpec>[],
  context: IstioRouteContext,
): readonly RouteDraft[] {
  const routes: RouteDraft[] = [];
  for (const { meta, spec } of services) {
    for (const [i, rule] of spec.http.entries()) {
      const at = { ...context, namespace: meta.namespace };
      const name = rule.name ?? `${meta.namespace}.${meta.name}.${i}`;
      if (rule.match.length === 0) return [...routes, routeOf(name, rule, undefined, at)];
      for (const match of rule.match)
        if (isSeen(match, at))
          routes.push(routeOf(match.name === undefined ? name : `${name}.${match.name}`, rule, match, at));
    }
  }
  return routes;
}

function isSeen({ sourceLabels, sourceNamespace, gateways, port }: HttpMatch, context: RuleContext): boolean {
  if (Object.keys(sourceLabels).length > 0) return false;
  if (sourceNamespace !== undefined && sourceNamespace !== context.clientNamespace) return false;
  if (!isForGateway(gateways, context)) return false;
  return port === undefined || port === context.port;
}

/** Whether conditions on gateways, as a resource of the namespace writes them, hold. */
export const isForGateway = (
  gateways: readonly string[],
  { gateway = 'mesh', namespace }: Pick<RuleContext, 'gateway' | 'namespace'>,
): boolean => gateways.length === 0 || gateways.some((name) => gatewayKey(name, namespace) === gateway);

function routeOf(name: string, rule: HttpRule, match: HttpMatch | undefined, context: RuleContext): RouteDraft {
  const typedPerFilterConfig: Record<string, PackedAny> = {};
  const fault = rule.fault === undefined ? null : faultConfig(rule.fault);
  if (fault !== null) typedPerFilterConfig[FAULT_FILTER] = fault;
  if (rule.corsPolicy !== undefined) typedPerFilterConfig[CORS_FILTER] = istioCors(rule.corsPolicy);
  return {
    name,
    match: istioMatch(match),
    ...headerFields(changesOf(rule.headers?.request), changesOf(rule.headers?.response)),
    typedPerFilterConfig,
    action: actionOf(rule, match, context),
    ...(match?.statPrefix === undefined ? {} : { statPrefix: match.statPrefix }),
  };
}

function actionOf(rule: HttpRule, match: HttpMatch | undefined, context: RuleContext): RouteDraft['action'] {
  const { redirect, directResponse } = rule;
  if (redirect !== undefined) return { $case: 'redirect', value: redirectAction(redirect, match, context.port) };
  if (directResponse !== undefined) {
    const { string: text, bytes } = directResponse.body ?? {};
    return respond(
      directResponse.status,
      text ?? (bytes === undefined ? undefined : Buffer.from(bytes, 'base64').toString()),
    );
  }
  // What cannot be followed or rewritten must not go elsewhere.
  if (rule.delegate !== undefined || !canRewrite(rule.rewrite)) return respond(500);
  const action = clustersAction(rule.route.map((one) => targetOf(one, rule.route.length, context)));
  return action === null ? respond(500) : { $case: 'route', value: { ...action, ...forwarding(rule, match, context) } };
}

function targetOf(
  { destination, weight, headers }: IstioDestination,
  count: number,
  context: RuleContext,
): WeightedTarget {
  const request = changesOf(headers?.request);
  return {
    cluster: clusterFor(destination, context),
    weight: count === 1 ? 1 : (weight ?? 0),
    request,
    response: changesOf(headers?.response),
    host: hostOf(request),
  };
}

/** The port is the one that is named, else the only one of the service, else the one that the client asked for. */
function placeOf(
  { host, subset, port }: Destination,
  { destinations, namespace, clusterDomain, port: asked }: RuleContext,
) {
  const found = destinations[qualifiedHost(host, namespace, clusterDomain)];
  const only =
    found?.kind === 'service' && found.claim.ports.length === 1 ? found.claim.ports[0]!.servicePort : undefined;
  return { found, port: port?.number ?? only ?? asked, ...(subset === undefined ? {} : { subset }) };
}

function clusterFor(destination: Destination, context: RuleContext): string {
  const { found, ...place } = placeOf(destination, context);
  return clusterOf(found, place);
}

function forwarding(rule: HttpRule, match: HttpMatch | undefined, context: RuleContext): RouteActionDraft {
  const first = rule.route[0] === undefined ? null : placeOf(rule.route[0].destination, context);
  const hashPolicy = first === null ? [] : hashPolicyFor(first.found, first.port, first.subset);
  // Where the endpoint is told by the request, another one would be the wrong one.
  const samePlace = hashPolicy.length > 0;
  const policy = istioRetries(rule.retries ?? context.defaultRetries, samePlace);
  const host = rule.rewrite?.authority ?? hostOf(changesOf(rule.headers?.request));
  return {
    timeout: duration(rule.timeout ?? 0),
    // With `max_stream_duration`, which is newer, Envoy would not look at `timeout` at all.
    ...(rule.timeout === undefined ? {} : { maxGrpcTimeout: duration(rule.timeout) }),
    ...(policy === null ? {} : { retryPolicy: policy }),
    ...(host === undefined ? {} : { hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: host } }),
    ...(rule.rewrite === undefined ? {} : rewritePath(rule.rewrite, match)),
    hashPolicy,
    requestMirrorPolicies: mirrorsOf(rule, context),
  };
}

const canRewrite = ({ uriRegexRewrite }: Rewrite = {}): boolean =>
  uriRegexRewrite?.match === undefined || isUsableRewrite(uriRegexRewrite.match, uriRegexRewrite.rewrite ?? '');

function rewritePath({ uri, uriRegexRewrite }: Rewrite, match: HttpMatch | undefined): RouteActionDraft {
  if (uriRegexRewrite?.match !== undefined)
    return { regexRewrite: { pattern: { regex: uriRegexRewrite.match }, substitution: uriRegexRewrite.rewrite ?? '' } };
  if (uri === undefined) return {};
  // The whole of a path that was matched as a whole.
  if (match?.uri?.regex !== undefined)
    return { regexRewrite: { pattern: { regex: '^[^?]*' }, substitution: uri.replaceAll('\\', '\\\\') } };
  return { prefixRewrite: uri };
}

function mirrorsOf(
  { mirror, mirrors, mirrorPercentage, mirrorPercent, mirror_percent }: HttpRule,
  context: RuleContext,
): NonNullable<RouteActionDraft['requestMirrorPolicies']> {
  const single =
    mirror === undefined
      ? []
      : [{ destination: mirror, percent: mirrorPercentage?.value ?? mirrorPercent ?? mirror_percent ?? 100 }];
  const many = mirrors.map(({ destination, percentage }) => ({ destination, percent: percentage?.value ?? 100 }));
  return [...single, ...many].flatMap(({ destination, percent }) => {
    const cluster = clusterFor(destination, context);
    if (percent === 0 || cluster === UNKNOWN_SERVICE) return [];
    return [{ cluster, runtimeFraction: { defaultValue: fractionalPercent(percent) }, traceSampled: false }];
  });
}

function redirectAction(redirect: Redirect, match: HttpMatch | undefined, port: number): Draft<typeof RedirectAction> {
  const { uri, prefixRewrite, authority, port: toPort, derivePort, scheme, redirectCode: status } = redirect;
  const usualPort = scheme === 'https' ? 443 : 80;
  const path: Draft<typeof RedirectAction>['pathRewriteSpecifier'] =
    prefixRewrite !== undefined && match?.uri?.prefix !== undefined
      ? { $case: 'prefixRewrite', value: prefixRewrite }
      : uri === undefined
        ? undefined
        : { $case: 'pathRedirect', value: uri };
  return {
    ...(scheme === undefined ? {} : { schemeRewriteSpecifier: { $case: 'schemeRedirect', value: scheme } }),
    hostRedirect: authority ?? '',
    portRedirect: toPort ?? (derivePort === 'FROM_REQUEST_PORT' && port !== usualPort ? port : 0),
    responseCode: redirectCode(status ?? 301) ?? redirectCode(301)!,
    ...(path === undefined ? {} : { pathRewriteSpecifier: path }),
  };
}

function changesOf(operations: NonNullable<Headers['request']> | undefined): HeaderChanges {
  if (operations === undefined) return NO_CHANGES;
  return { set: Object.entries(operations.set), add: Object.entries(operations.add), remove: operations.remove };
}
