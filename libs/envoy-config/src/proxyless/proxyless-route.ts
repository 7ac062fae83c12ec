import { FAULT_FILTER } from '../routes/fault-filter.js';
import type { RouteActionDraft, RouteDraft, RouteMatchDraft } from '../routes/forward.js';
import { UNKNOWN_SERVICE } from '../routes/route-target.js';
import { quoted } from '../routes/string-matcher.js';
import { proxylessRetries } from './proxyless-retries.js';

/**
 * A route as a gRPC client can follow it; null: no call of such a client can ever match. It has no redirects, no answers of its
 * own, no changes of headers and paths, and refuses whole configurations for what it does not know: what cannot be done there
 * fails (`UnknownService`), and what only decorates is left out.
 *
 * @param exists Whether the client will find a cluster of this name; it would wait for one that it does not find.
 */
export function proxylessRoute(route: RouteDraft, exists: (cluster: string) => boolean): RouteDraft | null {
  const match = matchOf(route.match ?? {});
  if (match === null) return null;
  const fault = route.typedPerFilterConfig?.[FAULT_FILTER];
  return {
    ...(route.name === undefined ? {} : { name: route.name }),
    match,
    ...(fault === undefined ? {} : { typedPerFilterConfig: { [FAULT_FILTER]: fault } }),
    action: {
      $case: 'route',
      value: route.action?.$case === 'route' ? actionOf(route.action.value ?? {}, exists) : to(UNKNOWN_SERVICE),
    },
  };
}

/** Calls are POSTs without a query; of the pseudo-headers a client shows none. */
function matchOf({ pathSpecifier, headers = [], queryParameters = [], caseSensitive }: RouteMatchDraft) {
  if (queryParameters.length > 0) return null;
  const own = headers.filter((header) => !isMethod(header));
  if (own.some(({ name = '' }) => name.startsWith(':'))) return null;
  if (headers.some((header) => isMethod(header) && !takesPost(header))) return null;
  return {
    pathSpecifier: pathOf(pathSpecifier),
    headers: own,
    ...(caseSensitive === undefined ? {} : { caseSensitive }),
  };
}

type HeaderDraft = NonNullable<RouteMatchDraft['headers']>[number];

const isMethod = ({ name }: HeaderDraft): boolean => name === ':method';

function takesPost({ headerMatchSpecifier: how, invertMatch = false }: HeaderDraft): boolean {
  const pattern = how?.$case === 'stringMatch' ? how.value?.matchPattern : undefined;
  return !invertMatch && pattern?.$case === 'exact' && pattern.value === 'POST';
}

function pathOf(path: RouteMatchDraft['pathSpecifier']): NonNullable<RouteMatchDraft['pathSpecifier']> {
  if (path === undefined) return { $case: 'prefix', value: '' };
  if (path.$case === 'pathSeparatedPrefix')
    return { $case: 'safeRegex', value: { regex: `${quoted(path.value ?? '')}(/.*)?` } };
  return path;
}

function actionOf(action: RouteActionDraft, exists: (cluster: string) => boolean): RouteActionDraft {
  const known = (cluster: string): string => (exists(cluster) ? cluster : UNKNOWN_SERVICE);
  const { clusterSpecifier: target, retryPolicy, timeout, hashPolicy } = action;
  const retries = retryPolicy === undefined ? null : proxylessRetries(retryPolicy);
  const isLimited = BigInt(timeout?.seconds ?? 0) > 0n || (timeout?.nanos ?? 0) > 0;
  return {
    ...(target?.$case === 'weightedClusters'
      ? {
          clusterSpecifier: {
            $case: 'weightedClusters' as const,
            value: {
              clusters: (target.value?.clusters ?? []).map(({ name = '', weight = 0 }) => ({
                name: known(name),
                weight,
              })),
            },
          },
        }
      : to(target?.$case === 'cluster' ? known(target.value ?? '') : UNKNOWN_SERVICE)),
    ...(retries === null ? {} : { retryPolicy: retries }),
    ...(isLimited && timeout !== undefined ? { maxStreamDuration: { maxStreamDuration: timeout } } : {}),
    hashPolicy: (hashPolicy ?? []).filter(({ policySpecifier }) => policySpecifier?.$case === 'header'),
  };
}

const to = (cluster: string): RouteActionDraft => ({ clusterSpecifier: { $case: 'cluster', value: cluster } });
