import type { LogFormat, MeshExtensions } from '@weft/mesh-api';
import { ApiVersion } from '@weft/xds/gen/envoy/config/core/v3/config_source.js';
import type { AccessLog } from '@weft/xds/gen/envoy/config/accesslog/v3/accesslog.js';
import { FileAccessLog } from '@weft/xds/gen/envoy/extensions/access_loggers/file/v3/file.js';
import { ExpressionFilter } from '@weft/xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel.js';
import {
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
} from '@weft/xds/gen/envoy/extensions/access_loggers/grpc/v3/als.js';
import { OpenTelemetryAccessLogConfig } from '@weft/xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service.js';
import type { Draft } from '../messages/draft.js';
import { extension, filter } from '../messages/extension.js';
import { hostOf, type Providers, type ProviderServer } from '../providers/provider-lookup.js';
import { JSON_FIELDS, TEXT_FORMAT } from './access-log.js';
import { MESH_LOG, type EffectiveLog } from './effective-telemetry.js';

type LogDraft = Draft<typeof AccessLog>;

/** A log whose provider is missing, or has no service, is left out: traffic goes on without it. */
export function providerLogs(
  logs: readonly EffectiveLog[],
  providers: Providers,
  stack: 'http' | 'tcp',
): readonly LogDraft[] {
  return logs.flatMap((log) => {
    const made = log.provider === MESH_LOG ? meshLog(providers.extensions) : logOf(log.provider, providers, stack);
    if (made === null) return [];
    return [{ ...made, ...(log.filter === undefined ? {} : { filter: celFilter(log.filter) }) }];
  });
}

function logOf(name: string, providers: Providers, stack: 'http' | 'tcp'): LogDraft | null {
  const {
    envoyFileAccessLog: file,
    envoyOtelAls: otel,
    envoyHttpAls: http,
    envoyTcpAls: tcp,
  } = providers.find(name) ?? {};
  if (file !== undefined) return fileLog(file.path ?? '/dev/stdout', file.logFormat);
  const server = otel ?? (stack === 'http' ? http : tcp);
  const cluster = server === undefined ? null : providers.clusterOf(server);
  if (server === undefined || cluster === null) return null;
  const common = (defaultName: string) => commonConfig(server, cluster, server.logName ?? defaultName);
  if (otel !== undefined)
    return filter('envoy.access_loggers.open_telemetry', OpenTelemetryAccessLogConfig, {
      commonConfig: common('otel_envoy_accesslog'),
      body: text(otel.logFormat?.text ?? TEXT_FORMAT),
      attributes: { values: sorted(otel.logFormat?.labels ?? {}).map(([key, value]) => ({ key, value: text(value) })) },
    });
  if (stack === 'tcp')
    return filter('envoy.access_loggers.tcp_grpc', TcpGrpcAccessLogConfig, {
      commonConfig: { ...common('tcp_envoy_accesslog'), filterStateObjectsToLog: [...tcp!.filterStateObjectsToLog] },
    });
  return filter('envoy.access_loggers.http_grpc', HttpGrpcAccessLogConfig, {
    commonConfig: { ...common('http_envoy_accesslog'), filterStateObjectsToLog: [...http!.filterStateObjectsToLog] },
    additionalRequestHeadersToLog: [...http!.additionalRequestHeadersToLog],
    additionalResponseHeadersToLog: [...http!.additionalResponseHeadersToLog],
    additionalResponseTrailersToLog: [...http!.additionalResponseTrailersToLog],
  });
}

const commonConfig = ({ service }: ProviderServer, clusterName: string, logName: string) => ({
  logName,
  transportApiVersion: ApiVersion.V3,
  grpcService: { targetSpecifier: { $case: 'envoyGrpc' as const, value: { clusterName, authority: hostOf(service) } } },
});

const text = (value: string) => ({ value: { $case: 'stringValue' as const, value } });
const sorted = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));

function fileLog(path: string, format: LogFormat | undefined): LogDraft {
  const labels = Object.keys(format?.labels ?? {}).length > 0 ? format!.labels : undefined;
  const line = format?.text ?? TEXT_FORMAT;
  const inlineString = line.endsWith('\n') ? line : `${line}\n`;
  return filter('envoy.access_loggers.file', FileAccessLog, {
    path,
    accessLogFormat: {
      $case: 'logFormat',
      value: {
        format:
          labels === undefined
            ? { $case: 'textFormatSource', value: { specifier: { $case: 'inlineString', value: inlineString } } }
            : { $case: 'jsonFormat', value: labels },
      },
    },
  });
}

/** `accessLogFile` of MeshConfig; a format that is no JSON object counts as none. */
function meshLog({ accessLogFile, accessLogEncoding, accessLogFormat }: MeshExtensions): LogDraft | null {
  if (accessLogFile === undefined) return null;
  if (accessLogEncoding === 'TEXT')
    return fileLog(accessLogFile, { labels: {}, ...(accessLogFormat === undefined ? {} : { text: accessLogFormat }) });
  return fileLog(accessLogFile, { labels: labelsOf(accessLogFormat) ?? JSON_FIELDS });
}

function labelsOf(json: string | undefined): Readonly<Record<string, string>> | null {
  try {
    const parsed = JSON.parse(json ?? '') as unknown;
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, string>) : null;
  } catch {
    return null;
  }
}

export const celFilter = (expression: string): NonNullable<LogDraft['filter']> => ({
  filterSpecifier: {
    $case: 'extensionFilter',
    value: {
      name: 'cel',
      configType: {
        $case: 'typedConfig',
        value: extension('cel', ExpressionFilter, { expression }).typedConfig,
      },
    },
  },
});
