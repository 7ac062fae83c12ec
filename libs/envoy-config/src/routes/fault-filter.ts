import type { Fault } from '@weft/mesh-api';
import { HTTPFault } from '@weft/xds/gen/envoy/extensions/filters/http/fault/v3/fault.js';
import { packAny, type PackedAny } from '../messages/any.js';
import { duration } from '../messages/duration.js';
import { fractionalPercent } from './fraction.js';

export const FAULT_FILTER = 'envoy.filters.http.fault';

const GRPC_STATUS = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE',
  'DATA_LOSS', 'UNAUTHENTICATED',
]; // prettier-ignore

/** Null: nothing that Envoy could do. Without a percentage every request is hit. */
export function faultConfig({ delay, abort }: Fault): PackedAny | null {
  const delayed =
    delay?.fixedDelay === undefined || delay.fixedDelay === 0
      ? undefined
      : {
          faultDelaySecifier: { $case: 'fixedDelay' as const, value: duration(delay.fixedDelay) },
          percentage: fractionalPercent(delay.percentage?.value ?? delay.percent ?? 100),
        };
  const error = abort === undefined ? undefined : errorOf(abort);
  if (delayed === undefined && error === undefined) return null;
  return packAny(HTTPFault, {
    ...(delayed === undefined ? {} : { delay: delayed }),
    ...(error === undefined
      ? {}
      : { abort: { errorType: error, percentage: fractionalPercent(abort?.percentage?.value ?? 100) } }),
  });
}

function errorOf({ httpStatus, grpcStatus }: NonNullable<Fault['abort']>) {
  if (httpStatus !== undefined) {
    return httpStatus >= 200 && httpStatus < 600 ? { $case: 'httpStatus' as const, value: httpStatus } : undefined;
  }
  if (grpcStatus === undefined) return undefined;
  const value = /^\d+$/.test(grpcStatus) ? Number(grpcStatus) : GRPC_STATUS.indexOf(grpcStatus.toUpperCase());
  return value >= 0 && value < GRPC_STATUS.length ? { $case: 'grpcStatus' as const, value } : undefined;
}
