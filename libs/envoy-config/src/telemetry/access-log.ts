import type { AccessLog, AccessLogFilter } from '@weft/xds/gen/envoy/config/accesslog/v3/accesslog.js';
import { ComparisonFilter_Op } from '@weft/xds/gen/envoy/config/accesslog/v3/accesslog.js';
import { StdoutAccessLog } from '@weft/xds/gen/envoy/extensions/access_loggers/stream/v3/stream.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';

type AccessLogDraft = Draft<typeof AccessLog>;

/** Names and values of Istio's log line, by the keys of its JSON form. */
export const JSON_FIELDS: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
};

/** The same as Istio's line of text. */
export const TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** JSON lines on the container's output. */
function stdoutLog(only?: Draft<typeof AccessLogFilter>): AccessLogDraft {
  return {
    ...filter('envoy.access_loggers.stdout', StdoutAccessLog, {
      accessLogFormat: { $case: 'logFormat', value: { format: { $case: 'jsonFormat', value: JSON_FIELDS } } },
    }),
    ...(only === undefined ? {} : { filter: only }),
  };
}

const withFlags = (...flags: string[]): Draft<typeof AccessLogFilter> => ({
  filterSpecifier: { $case: 'responseFlagFilter', value: { flags } },
});

/** Connections for which there is no filter chain. */
export const noRouteLog = (): AccessLogDraft => stdoutLog(withFlags('NR'));

/** Tunnels that could not be made to a workload. */
export const upstreamFailureLog = (): AccessLogDraft => stdoutLog(withFlags('UF'));

/** CONNECT requests that were refused. */
export const failedTunnelLog = (): AccessLogDraft =>
  stdoutLog({
    filterSpecifier: {
      $case: 'statusCodeFilter',
      value: {
        comparison: {
          op: ComparisonFilter_Op.GE,
          value: { defaultValue: 400, runtimeKey: 'weft.access_log.status' },
        },
      },
    },
  });
