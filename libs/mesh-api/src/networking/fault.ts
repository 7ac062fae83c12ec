import { describe } from '../field-reader.js';
import { refined, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { duration, integer, text } from '../schema/scalar-fields.js';
import { percent } from './percent.js';

/** gRPC status codes by their number. */
const GRPC_STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The number of a gRPC status that is written by name or number; null if it is none. */
export function grpcStatusCode(value: string): number | null {
  const byName = GRPC_STATUS_NAMES.indexOf(value.toUpperCase() as (typeof GRPC_STATUS_NAMES)[number]);
  if (byName >= 0) return byName;
  const code = /^\d{1,2}$/.test(value) ? Number(value) : -1;
  return code >= 0 && code < GRPC_STATUS_NAMES.length ? code : null;
}

const delay = object(
  'Waits before forwarding.',
  {
    fixedDelay: duration('How long.'),
    exponentialDelay: duration('Not supported.'),
    percentage: percent('Of the requests.'),
    percent: integer('Of the requests; percentage is finer.', 0, 100),
  },
  {
    atMostOne: [['fixedDelay', 'exponentialDelay']],
    refine: (value, at, self) => {
      if (at.exponentialDelay.present) at.exponentialDelay.error('is not supported', 'use fixedDelay');
      else if (!at.fixedDelay.present) self.error('has no delay', 'set fixedDelay');
      if (at.percent.present) at.percent.warn('is deprecated', 'use percentage.value');
      return value.fixedDelay === undefined ? undefined : value;
    },
  },
);

const abort = object(
  'Answers with an error.',
  {
    httpStatus: refined(integer('Status code.', -2_147_483_648, 2_147_483_647), (status, reader) => {
      if (status >= 200 && status <= 599) return status;
      reader.error(`${status} is not a status code`, 'use one from 200 to 599');
      return undefined;
    }),
    grpcStatus: refined(text('gRPC status by name or number.'), (status, reader) => {
      if (grpcStatusCode(status) !== null) return status;
      reader.error(`${describe(status)} is not a gRPC status`, 'use one such as UNAVAILABLE, or its number');
      return undefined;
    }),
    http2Error: text('Not supported.'),
    percentage: percent('Of the requests.'),
  },
  {
    atMostOne: [['httpStatus', 'grpcStatus', 'http2Error']],
    refine: (value, at, self) => {
      if (at.http2Error.present) at.http2Error.error('is not supported', 'use httpStatus or grpcStatus');
      else if (!at.httpStatus.present && !at.grpcStatus.present)
        self.warn('has no error, so that nothing is aborted', 'set httpStatus or grpcStatus');
      return value.httpStatus === undefined && value.grpcStatus === undefined ? undefined : value;
    },
  },
);

export const fault = object(
  'Faults on purpose.',
  { delay, abort },
  {
    refine: (value, at, self) => {
      if (at.delay.present || at.abort.present) return value;
      self.error('has neither delay nor abort', 'set one of them');
      return undefined;
    },
  },
);
export type Fault = TypeOf<typeof fault>;
