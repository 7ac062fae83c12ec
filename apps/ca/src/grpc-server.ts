import { Server } from '@grpc/grpc-js';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { checkCsr, createCsr, formatSpiffeId } from '@weft/spiffe';
import { RotatingServerCertificate } from '@weft/xds-grpc';
import { IstioCertificateServiceService, type IstioCertificateServiceServer } from '@weft/xds/gen/mesh/ca/ca.js';
import { serviceError, type CertificateService } from './certificate-service.js';
import type { CaConfig } from './config.js';
import type { Signer } from './signer.js';

/** A signing request is under 10 kB; nothing larger is read into memory. */
const LARGEST_REQUEST_BYTES = 64 * 1024;

export interface GrpcServerOptions {
  readonly config: CaConfig;
  readonly service: CertificateService;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly log: Logger;
}

const RENEWAL_RETRY_MS = 5000;

/**
 * Serves the certificate service over TLS, with a certificate that this CA issues to itself and renews at half life and when
 * the signing certificate changes.
 */
export class GrpcServer implements Service {
  readonly name = 'certificate service';
  readonly #certificate = new RotatingServerCertificate();
  readonly #server = new Server({
    'grpc.max_receive_message_length': LARGEST_REQUEST_BYTES,
    'grpc.enable_channelz': 0,
  });
  #cancelRenewal: () => void = () => undefined;
  #port = 0;
  #stopped = false;

  constructor(private readonly options: GrpcServerOptions) {}

  /** The bound port; only after `start`. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const { config, service } = this.options;
    const handlers: IstioCertificateServiceServer = {
      createCertificate: (call, answer) => {
        service.create(call.request, call.metadata, call.getPeer()).then(
          (result) => (result.ok ? answer(null, result.value) : answer(serviceError(result.error))),
          (thrown: unknown) => answer(toError(thrown)),
        );
      },
    };
    this.#server.addService(IstioCertificateServiceService, handlers);
    await this.#renew();
    this.options.signer.onChange(() => this.#renewSoon(0));
    this.#port = await new Promise<number>((resolve, reject) => {
      const address = `${config.grpcHost}:${config.grpcPort}`;
      this.#server.bindAsync(address, this.#certificate.credentials(), (failure, port) =>
        failure ? reject(failure) : resolve(port),
      );
    });
  }

  async stop(hard: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#cancelRenewal();
    const force = (): void => this.#server.forceShutdown();
    hard.addEventListener('abort', force);
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    hard.removeEventListener('abort', force);
  }

  #renewSoon(delayMs: number): void {
    const { clock, log } = this.options;
    this.#cancelRenewal();
    if (this.#stopped) return;
    this.#cancelRenewal = clock.after(delayMs, () => {
      this.#renew().catch((thrown: unknown) => {
        log.error({ err: toError(thrown).message }, 'own certificate not renewed; trying again');
        this.#renewSoon(RENEWAL_RETRY_MS);
      });
    });
  }

  async #renew(): Promise<void> {
    const { signer, clock, config } = this.options;
    const spiffeId = formatSpiffeId(config.trustDomain, config.namespace, 'weft-ca');
    const { csrPem, privateKeyPem } = await createCsr(spiffeId);
    const csr = await checkCsr(csrPem, spiffeId);
    if (!csr.ok) throw csr.error;
    await signer.admitTtl(config.defaultTtlMs);
    const authority = signer.current();
    if (!authority.ok) throw new Error(authority.error);
    const now = clock.now();
    const leaf = await authority.value.issue(csr.value.publicKey, {
      spiffeId,
      dnsNames: config.servingDnsNames,
      ttlMs: config.defaultTtlMs,
      now,
    });
    const certificateChainPem = [leaf.pem, ...authority.value.intermediatesPem].join('');
    this.#certificate.update({ certificateChainPem, privateKeyPem });
    this.#renewSoon((leaf.notAfter.getTime() - now) / 2);
  }
}
