import type { KubeClient, KubeLog } from '@weft/kube';
import type { Service } from '@weft/runtime';
import type { ValidationConfig } from '../config.js';
import type { ControlPlaneMetrics } from '../control-plane-metrics.js';
import type { AdmissionRequest, AdmissionResponse } from './review-request.js';
import { WebhookRegistration } from './webhook-registration.js';
import { WebhookServer } from './webhook-server.js';

export interface ValidationOptions {
  readonly config: ValidationConfig;
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly identity: string;
  readonly metrics: ControlPlaneMetrics;
  readonly log: KubeLog;
}

/** Validating admission: the webhook, counted, and its registration. */
export function validation({ config, metrics, log, kube, namespace, identity }: ValidationOptions): {
  readonly server: WebhookServer;
  readonly services: readonly Service[];
} {
  const { host, port, service, rootFile, failurePolicy } = config;
  const server = new WebhookServer({
    host,
    port,
    log,
    onHttpError: (status) => metrics.validationHttpErrors.inc({ status }),
    onReview: (request, response) => count(metrics, request, response),
  });
  const registration = new WebhookRegistration({
    kube,
    namespace,
    identity,
    service,
    rootFile,
    failurePolicy,
    log,
    onWritten: () => metrics.validationConfigUpdates.inc(),
  });
  return { server, services: [server, registration] };
}

/** Labels come from the API server, which asks only for what the registration names. */
function count(metrics: ControlPlaneMetrics, { resource }: AdmissionRequest, { allowed }: AdmissionResponse): void {
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 80) : '');
  const labels = {
    group: text(resource?.group),
    version: text(resource?.version),
    resource: text(resource?.resource),
  };
  if (allowed) metrics.validationPassed.inc(labels);
  else metrics.validationFailed.inc({ ...labels, reason: 'invalid' });
}
