import { randomBytes } from 'node:crypto';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import type { Registry } from 'prom-client';
import type { ZtunnelConfig } from '../config.js';
import type { LogScopes } from '../telemetry/log-scopes.js';
import { ConnectionSpans } from './connection-spans.js';
import { SpanExporter } from './span-exporter.js';

export interface Tracing {
  readonly spans: ConnectionSpans | null;
  /** What sends them. */
  readonly services: readonly Service[];
}

/** Nothing when it is off, which is the default. */
export function createTracing(
  config: ZtunnelConfig,
  { clock, registry, logs }: { readonly clock: Clock; readonly registry: Registry; readonly logs: LogScopes },
): Tracing {
  const { tracing, pod, nodeName, clusterId, version } = config;
  if (tracing === null) return { spans: null, services: [] };
  const resource = {
    'service.name': tracing.serviceName,
    'service.version': version,
    'k8s.pod.name': pod.name,
    'k8s.namespace.name': pod.namespace,
    'k8s.node.name': nodeName,
    'k8s.cluster.name': clusterId,
  };
  const exporter = new SpanExporter({ config: tracing, resource, clock, registry, log: logs.scope('traces') });
  return {
    spans: new ConnectionSpans(exporter, clock, () => randomBytes(8).toString('hex')),
    services: [exporter],
  };
}
