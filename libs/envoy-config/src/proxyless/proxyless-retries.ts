import type { RetryPolicyDraft } from '../routes/retry-policy.js';

/** The conditions that a gRPC client knows. */
const KNOWN = ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'];
/** What Envoy's conditions look like to it. */
const MEANS_UNAVAILABLE = new Set([
  '5xx',
  'connect-failure',
  'gateway-error',
  'refused-stream',
  'reset',
  'reset-before-request',
]);
/** HTTP answers that it takes for `unavailable`. */
const UNAVAILABLE_STATUS = new Set([429, 502, 503, 504]);

/** The same wish in the words of gRPC; null: nothing of it can be retried there. */
export function proxylessRetries({
  retryOn = '',
  retriableStatusCodes,
  ...rest
}: RetryPolicyDraft): RetryPolicyDraft | null {
  const words = retryOn.split(',');
  const conditions = new Set(words.filter((word) => KNOWN.includes(word)));
  const isUnavailable = words.some((word) => MEANS_UNAVAILABLE.has(word));
  if (isUnavailable || retriableStatusCodes?.some((code) => UNAVAILABLE_STATUS.has(code)) === true)
    conditions.add('unavailable');
  if (conditions.size === 0) return null;
  const { numRetries, retryBackOff } = rest;
  return {
    retryOn: [...conditions].sort().join(','),
    ...(numRetries === undefined ? {} : { numRetries }),
    ...(retryBackOff === undefined ? {} : { retryBackOff }),
  };
}
