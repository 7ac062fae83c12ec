import { describe } from '../field-reader.js';
import { refined, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { count, duration, flag, text } from '../schema/scalar-fields.js';

const CONDITIONS = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);
const isStatusCode = (text: string): boolean => /^[1-5]\d\d$/.test(text);

const retryOn = refined(text('Conditions and status codes, with commas between them.'), (value, reader) => {
  const unknown = value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => !CONDITIONS.has(item.toLowerCase()) && !isStatusCode(item));
  if (unknown.length === 0) return value;
  reader.error(
    `${describe(unknown[0]!)} is not a condition to retry on`,
    'use conditions of Envoy such as 5xx, reset or unavailable, or status codes',
  );
  return undefined;
});

export const retries = object(
  'When and how often a request is tried again.',
  {
    attempts: count('Tries after the first; 0 for none.'),
    perTryTimeout: duration('Time for each try.'),
    retryOn,
    retryRemoteLocalities: flag('Also in other localities.'),
    retryIgnorePreviousHosts: flag('Not at an endpoint that was tried. Default true.'),
    backoff: duration('Wait before the first try again; it doubles from try to try.'),
  },
  {
    refine: (value, at) => {
      if (value.attempts !== 0) return value;
      for (const name of ['perTryTimeout', 'retryOn', 'retryRemoteLocalities', 'backoff'] as const)
        if (at[name].present) at[name].error('has no meaning with attempts 0', 'remove it, or allow attempts');
      return { attempts: 0 };
    },
  },
);
export type Retries = TypeOf<typeof retries>;
