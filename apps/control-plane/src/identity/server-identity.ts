import type { ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '@weft/result';
import type { Logger, Readiness, Service } from '@weft/runtime';
import { RotatingServerCertificate } from '@weft/xds-grpc';
import type { ControlPlaneConfig } from '../config.js';
import type { ControlPlaneMetrics } from '../control-plane-metrics.js';
import { ownCertificate, type CertificateTarget } from './own-certificate.js';

export interface ServerIdentityOptions {
  /** What else serves with the same certificate. */
  readonly alsoFor: readonly CertificateTarget[];
  readonly readiness: Readiness;
  readonly metrics: ControlPlaneMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ServerIdentity {
  /** Of the xDS server. Handshakes are refused until the first certificate is there. */
  readonly credentials: ServerCredentials;
  /** Keeps the certificate fresh. */
  readonly service: Service;
}

/** The task of readiness that ends with the first certificate. */
export const SERVER_CERTIFICATE = 'server certificate';

/** Throws when the CA's address cannot be read. */
export function serverIdentity(config: ControlPlaneConfig, options: ServerIdentityOptions): ServerIdentity {
  const { alsoFor, readiness, metrics, clock, log } = options;
  const certificate = new RotatingServerCertificate();
  const own = ownCertificate(config, {
    targets: [certificate, ...alsoFor],
    clock,
    log,
    onCertificate: (notAfter) => {
      metrics.certificateExpiry.set(notAfter.getTime() / 1000);
      readiness.done(SERVER_CERTIFICATE);
    },
    onFailure: () => metrics.certificateErrors.inc(),
  });
  if (!own.ok) throw own.error;
  // Files come without roots to verify clients with.
  const credentials = certificate.credentials({ askClients: config.certificate.kind === 'ca' });
  return { credentials, service: own.value };
}
