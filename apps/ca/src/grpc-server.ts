import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { checkCsr, createCsr, formatSpiffeId } from '@weft/spiffe';
import { UnaryGrpcServer, type GrpcRefusal, type UnaryAnswer, type UnaryCall } from '@weft/xds-grpc';
import { IstioCertificateRequest } from '@weft/xds/gen/mesh/ca/ca.js';
import { status } from '@grpc/grpc-js';
import type { CertificateService, Refusal } from './certificate-service.js';
import type { CaConfig } from './config.js';
import { responseBytes } from './response-bytes.js';
import type { SignerChoice } from './signer-choice.js';

/** A signing request is under 10 kB; nothing larger is read into memory. */
const LARGEST_REQUEST_BYTES = 64 * 1024;
const METHOD = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

export interface GrpcServerOptions {
  readonly config: CaConfig;
  readonly service: CertificateService;
  readonly signer: Pick<SignerChoice, 'issue' | 'onChange'>;
  /** Told of each own certificate, before it is served. */
  readonly onCertificate: (certificate: ServerCertificate) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ServerCertificate {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

const RENEWAL_RETRY_MS = 5000;

/**
 * Serves the certificate service over TLS, with a certificate that this CA issues to itself and renews at half life and when
 * the signing certificate changes.
 */
export class GrpcServer implements Service {
  readonly name = 'certificate service';
  readonly #server: UnaryGrpcServer;
  #cancelRenewal: () => void = () => undefined;
  #port = 0;
  #stopped = false;

  constructor(private readonly options: GrpcServerOptions) {
    this.#server = new UnaryGrpcServer({
      methods: { [METHOD]: (call) => this.#answer(call) },
      largestRequestBytes: LARGEST_REQUEST_BYTES,
      requestClientCertificate: options.config.certificateAuthentication !== 'off',
      // No certificate leaves before its line in the audit log.
      beforeAnswers: () => options.log.flush(),
      onHandlerFailure: (failure) => options.log.error({ err: failure.message }, 'a request could not be answered'),
    });
  }

  /** The bound port; only after `start`. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const { grpcHost, grpcPort } = this.options.config;
    await this.#renew();
    this.options.signer.onChange(() => this.#renewSoon(0));
    this.#port = await this.#server.listen(grpcHost, grpcPort);
  }

  async stop(hard: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#cancelRenewal();
    await this.#server.stop(hard);
  }

  async #answer({ message, header, peer }: UnaryCall): Promise<UnaryAnswer> {
    let request: IstioCertificateRequest;
    try {
      request = IstioCertificateRequest.decode(message);
    } catch {
      return { ok: false, error: { code: status.INTERNAL, message: 'the request is not an IstioCertificateRequest' } };
    }
    const token = /^Bearer (\S+)$/.exec(header('authorization') ?? '')?.[1];
    const evidence = { certificateChain: peer.certificateChain, ...(token !== undefined && { token }) };
    const result = await this.options.service.create(request, evidence, peer.address);
    return result.ok
      ? { ok: true, value: responseBytes(result.value.certChain) }
      : { ok: false, error: grpcRefusal(result.error) };
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
    const dnsNames = config.servingDnsNames;
    const { csrPem, privateKeyPem } = await createCsr(spiffeId, 'ecdsa-p256', dnsNames);
    const csr = await checkCsr(csrPem, spiffeId, dnsNames);
    if (!csr.ok) throw csr.error;
    const now = clock.now();
    const { publicKey } = csr.value;
    const issued = await signer.issue({ csrPem, publicKey, spiffeId, dnsNames, ttlMs: config.defaultTtlMs });
    if (!issued.ok) throw new Error(issued.error);
    const { certChain, notAfter } = issued.value;
    const certificateChainPem = certChain.slice(0, -1).join('');
    this.#server.useCertificate({ certificateChainPem, privateKeyPem });
    this.options.onCertificate({ certificateChainPem, privateKeyPem });
    this.#renewSoon((notAfter.getTime() - now) / 2);
  }
}

/** `grpc-retry-pushback-ms` is what gRPC clients with a retry policy heed (gRFC A6). */
function grpcRefusal({ code, message, retryAfterMs }: Refusal): GrpcRefusal {
  return {
    code,
    message,
    ...(retryAfterMs !== undefined && { trailers: { 'grpc-retry-pushback-ms': String(retryAfterMs) } }),
  };
}
