import type { Clock } from '@weft/result';
import { SecretManager, type CertificateSigner } from '@weft/spiffe';
import { CaClient, MeshEndpoint } from '@weft/xds-grpc';
import type { Registry } from 'prom-client';
import type { ZtunnelConfig } from '../config.js';
import type { DataPlanePort } from '../pods/data-plane-port.js';
import { IdentityFeed } from './identity-feed.js';
import { PeerTrustFeed, type PeerTrustFeedOptions } from './peer-trust-feed.js';
import { RevocationMetrics } from './revocation-metrics.js';
import { trustFilesOf } from './trust-files.js';

export interface CertificatesOptions {
  readonly dataPlane: DataPlanePort;
  readonly clock: Clock;
  readonly log: PeerTrustFeedOptions['log'];
  readonly registry: Registry;
  /** A workload of this node has a certificate, the first or a new one. */
  readonly onIdentity: () => void;
  readonly onTrustDomains: (names: ReadonlySet<string>) => void;
}

/** Who the workloads of this node are, and whom they trust. */
export interface Certificates {
  readonly identities: IdentityFeed;
  /** Resolves when it is known what must not be trusted. */
  readonly start: () => Promise<void>;
  readonly close: () => void;
}

const noCa: CertificateSigner = {
  sign: () => Promise.reject(new Error('no CA is configured: CA_ADDRESS is empty')),
};

/** Throws when the address of the CA cannot be read. */
export function createCertificates(config: ZtunnelConfig, options: CertificatesOptions): Certificates {
  const { dataPlane, clock, log, registry, onIdentity, onTrustDomains } = options;
  const certificates = new SecretManager({
    signer: config.ca === null ? noCa : new CaClient(MeshEndpoint.require(config.ca), 'impersonate'),
    clock,
    ttlSeconds: config.secretTtlSeconds,
    onFailure: (identity, error) => log.warn({ identity, error: error.message }, 'no new certificate; retrying'),
  });
  const identities = new IdentityFeed({
    certificates,
    dataPlane,
    clock,
    log,
    onIdentity: (identity) => {
      log.info({ identity }, 'certificate issued');
      onIdentity();
      peerTrust.identitiesChanged();
    },
  });
  const metrics = new RevocationMetrics(registry);
  const peerTrust: PeerTrustFeed = new PeerTrustFeed({ certificates, dataPlane, clock, log, metrics, onTrustDomains });
  const files = trustFilesOf(config, peerTrust, clock, log);
  return {
    identities,
    start: async () => {
      await Promise.all(files.map((file) => file.start()));
    },
    close: () => {
      for (const file of files) file.stop();
      certificates.close();
    },
  };
}
