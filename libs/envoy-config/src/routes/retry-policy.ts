import type { Retries } from '@weft/mesh-api';
import type { RetryPolicy } from '@weft/xds/gen/envoy/config/route/v3/route_components.js';
import { PreviousHostsPredicate } from '@weft/xds/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.js';
import { PreviousPrioritiesConfig } from '@weft/xds/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.js';
import type { Draft } from '../messages/draft.js';
import { duration } from '../messages/duration.js';
import { filter } from '../messages/extension.js';

export type RetryPolicyDraft = Draft<typeof RetryPolicy>;

export interface RetryWish {
  /** Tries after the first. */
  readonly attempts?: number | undefined;
  readonly perTryTimeoutMs?: number | undefined;
  readonly conditions?: readonly string[] | undefined;
  readonly statusCodes?: readonly number[] | undefined;
  readonly backoffMs?: number | undefined;
  /** An endpoint that was tried may be tried again. */
  readonly samePlace?: boolean | undefined;
  /** After a failure also in localities of lower priority. */
  readonly otherLocalities?: boolean | undefined;
}

const DEFAULT_ATTEMPTS = 2;
/** What failed before the service can have done anything, or says itself that it may be tried again. */
const DEFAULT_CONDITIONS = [
  'connect-failure',
  'refused-stream',
  'unavailable',
  'cancelled',
  'retriable-status-codes',
  // A connection through a tunnel is made before it is known whether the tunnel can be: its failure is a reset.
  'reset-before-request',
];

/**
 * Of a rule that asks for retries: also connections that break off or take too long, whatever the server may have done by then.
 *
 * @see Gateway API, HTTPRouteRetry
 */
export const CONNECTION_CONDITIONS = [...DEFAULT_CONDITIONS, 'reset'];

/** Null: no retries. Of a wish for nothing in particular it is `DEFAULT_RETRIES` itself. */
export const retryPolicy = (wish: RetryWish = {}): RetryPolicyDraft | null =>
  Object.values(wish).every(isNothing) ? DEFAULT_RETRIES : wishedPolicy(wish);

const isNothing = (part: unknown): boolean =>
  part === undefined || part === false || (Array.isArray(part) && part.length === 0);

function wishedPolicy(wish: RetryWish): RetryPolicyDraft | null {
  const {
    attempts = DEFAULT_ATTEMPTS,
    perTryTimeoutMs,
    conditions,
    statusCodes = [],
    backoffMs,
    samePlace,
    otherLocalities,
  } = wish;
  if (attempts <= 0) return null;
  return {
    numRetries: attempts,
    retryOn: (conditions ?? DEFAULT_CONDITIONS).join(','),
    retriableStatusCodes: [...statusCodes],
    ...(perTryTimeoutMs === undefined || perTryTimeoutMs === 0 ? {} : { perTryTimeout: duration(perTryTimeoutMs) }),
    ...(backoffMs === undefined || backoffMs === 0
      ? {}
      : { retryBackOff: { baseInterval: duration(backoffMs), maxInterval: duration(backoffMs * 10) } }),
    ...(otherLocalities === true
      ? {
          retryPriority: filter('envoy.retry_priorities.previous_priorities', PreviousPrioritiesConfig, {
            updateFrequency: 2,
          }),
        }
      : {}),
    ...(samePlace === true
      ? {}
      : {
          hostSelectionRetryMaxAttempts: 5,
          retryHostPredicate: [filter('envoy.retry_host_predicates.previous_hosts', PreviousHostsPredicate, {})],
        }),
  };
}

/** What a route does that asks for nothing else. */
export const DEFAULT_RETRIES: RetryPolicyDraft = wishedPolicy({})!;

/** Of a VirtualService or of the mesh: status codes stand among the conditions. */
export function istioRetries(wish: Retries | undefined, samePlace = false): RetryPolicyDraft | null {
  if (wish === undefined) return retryPolicy({ samePlace });
  const { attempts, perTryTimeout, retryOn, retryRemoteLocalities, retryIgnorePreviousHosts, backoff } = wish;
  const words = (retryOn ?? '').split(',').map((word) => word.trim());
  const statusCodes = words.filter((word) => /^\d{3}$/.test(word)).map(Number);
  const conditions = words.filter((word) => word !== '' && !/^\d+$/.test(word));
  if (statusCodes.length > 0 && !conditions.includes('retriable-status-codes'))
    conditions.push('retriable-status-codes');
  return retryPolicy({
    attempts,
    perTryTimeoutMs: perTryTimeout,
    conditions: conditions.length > 0 ? conditions : undefined,
    statusCodes,
    backoffMs: backoff,
    samePlace: samePlace || retryIgnorePreviousHosts === false,
    otherLocalities: retryRemoteLocalities,
  });
}
