import { readFileSync, statSync } from 'node:fs';
import type { ServiceError } from '@grpc/grpc-js';
import { err, ok, toError, type Clock, type Result } from '@weft/result';
import type { Service } from '@weft/runtime';
import { formatSpiffeId, SecretManager, summarizeCertificate, type CertificateSigner } from '@weft/spiffe';
import { MeshEndpoint, type XdsGrpcError } from '@weft/xds-grpc';
import {
  IstioCertificateRequest,
  IstioCertificateServiceClient,
  type IstioCertificateResponse,
} from '@weft/xds/gen/mesh/ca/ca.js';
import type { CertificateConfig, ControlPlaneConfig } from '../config.js';

/** Serves with the certificate from then on. */
export interface CertificateTarget {
  update(certificate: {
    readonly certificateChainPem: string;
    readonly privateKeyPem: string;
    /** From a CA. */
    readonly rootsPem?: string;
  }): void;
}

export interface OwnCertificateOptions {
  readonly targets: readonly CertificateTarget[];
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly onCertificate: (notAfter: Date) => void;
  readonly onFailure: () => void;
}

const CALL_DEADLINE_MS = 10_000;
const FILE_CHECK_MS = 10_000;

/** Keeps the certificate of the xDS server fresh. `start` does not wait for the first one: the CA may come up later. */
export function ownCertificate(
  config: ControlPlaneConfig,
  options: OwnCertificateOptions,
): Result<Service, XdsGrpcError> {
  const { certificate } = config;
  if (certificate.kind === 'files') return ok(new FileCertificate(certificate, options));
  const { address, rootFile, tokenFile, serverName } = certificate;
  const endpoint = MeshEndpoint.parse({
    address,
    root: rootFile,
    token: tokenFile,
    clusterId: config.mesh.clusterId,
    ...(serverName !== undefined && { serverName }),
  });
  return endpoint.ok
    ? ok(new CaCertificate(config, certificate.ttlSeconds, endpoint.value, options))
    : err(endpoint.error);
}

class FileCertificate implements Service {
  readonly name = 'server certificate from files';
  #seen = '';
  #cancel: () => void = () => undefined;

  constructor(
    private readonly files: Extract<CertificateConfig, { kind: 'files' }>,
    private readonly options: OwnCertificateOptions,
  ) {}

  start(): Promise<void> {
    this.#check();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#cancel();
    return Promise.resolve();
  }

  /** By modification time; Kubernetes swaps mounted files as a whole. */
  #check(): void {
    const { clock, log, targets, onCertificate, onFailure } = this.options;
    const { certFile, keyFile } = this.files;
    try {
      const seen = `${statSync(certFile).mtimeMs} ${statSync(keyFile).mtimeMs}`;
      if (seen !== this.#seen) {
        const certificateChainPem = readFileSync(certFile, 'utf8');
        const leaf = summarizeCertificate(certificateChainPem);
        if (!leaf.ok) throw leaf.error;
        const privateKeyPem = readFileSync(keyFile, 'utf8');
        for (const target of targets) target.update({ certificateChainPem, privateKeyPem });
        this.#seen = seen;
        onCertificate(leaf.value.notAfter);
        log.info({ certFile, notAfter: leaf.value.notAfter }, 'server certificate loaded');
      }
    } catch (thrown) {
      onFailure();
      log.warn({ certFile, keyFile, err: toError(thrown).message }, 'cannot read the server certificate; trying again');
    }
    this.#cancel = clock.after(FILE_CHECK_MS, () => this.#check());
  }
}

class CaCertificate implements Service {
  readonly name = 'server certificate from the CA';
  readonly #manager: SecretManager;
  readonly #spiffeId: string;

  constructor(
    config: ControlPlaneConfig,
    ttlSeconds: number,
    endpoint: MeshEndpoint,
    private readonly options: OwnCertificateOptions,
  ) {
    const { clock, log, onFailure } = options;
    this.#spiffeId = formatSpiffeId(config.mesh.trustDomain, config.namespace, config.serviceAccount);
    this.#manager = new SecretManager({
      signer: new OwnIdentitySigner(endpoint, clock),
      clock,
      ttlSeconds,
      onFailure: (spiffeId, error) => {
        onFailure();
        log.warn(
          { spiffeId, ca: endpoint.target, err: error.message },
          'no server certificate from the CA; trying again',
        );
      },
    });
  }

  start(): Promise<void> {
    const { targets, log, onCertificate } = this.options;
    this.#manager.watch(this.#spiffeId, (svid) => {
      for (const target of targets) target.update(svid);
      onCertificate(svid.notAfter);
      log.info({ spiffeId: svid.spiffeId, notAfter: svid.notAfter }, 'server certificate issued');
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#manager.close();
    return Promise.resolve();
  }
}

/** Asks for a certificate of our own identity; the CA adds the DNS names that it knows for it. A new channel per request, which is rare. */
class OwnIdentitySigner implements CertificateSigner {
  constructor(
    private readonly endpoint: MeshEndpoint,
    private readonly clock: Clock,
  ) {}

  async sign(csrPem: string, _spiffeId: string, ttlSeconds: number): Promise<readonly string[]> {
    const { endpoint } = this;
    const client = new IstioCertificateServiceClient(
      endpoint.target,
      endpoint.credentials(),
      endpoint.channelOptions(),
    );
    try {
      const request = IstioCertificateRequest.fromPartial({ csr: csrPem, validityDuration: BigInt(ttlSeconds) });
      const deadline = new Date(this.clock.now() + CALL_DEADLINE_MS);
      const response = await new Promise<IstioCertificateResponse>((resolve, reject) => {
        client.createCertificate(request, endpoint.metadata(), { deadline }, (failure: ServiceError | null, answer) =>
          failure === null ? resolve(answer) : reject(failure),
        );
      });
      return response.certChain;
    } finally {
      client.close();
    }
  }
}
