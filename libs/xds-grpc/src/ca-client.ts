import { status, type ServiceError } from '@grpc/grpc-js';
import { MeshError } from '@weft/result';
import { CaBusyError, type CertificateSigner } from '@weft/spiffe';
import {
  IstioCertificateRequest,
  IstioCertificateServiceClient,
  type IstioCertificateResponse,
} from '@weft/xds/gen/mesh/ca/ca.js';
import type { MeshEndpoint } from './mesh-endpoint.js';

/** The CA did not sign; `grpcCode` is its status. */
export class CaError extends MeshError {
  readonly code = 'CA_REQUEST_FAILED';

  constructor(
    readonly grpcCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const CALL_DEADLINE_MS = 10_000;

/** `own`: the identity of the token. `impersonate`: a node proxy asks in the name of a workload of its node. */
export type CaRequestMode = 'own' | 'impersonate';

/**
 * Asks the CA for certificates. A failed channel is thrown away, so that new roots and new addresses are used at the next
 * try; the token is read for every call. A CA that says when to come back rejects with `CaBusyError`.
 */
export class CaClient implements CertificateSigner {
  #channel: { readonly client: IstioCertificateServiceClient; readonly rootPem: string | null } | null = null;

  constructor(
    private readonly endpoint: MeshEndpoint,
    private readonly mode: CaRequestMode,
    /** For one answer. */
    private readonly deadlineMs = CALL_DEADLINE_MS,
  ) {}

  async sign(csrPem: string, spiffeId: string, ttlSeconds: number): Promise<readonly string[]> {
    const request = IstioCertificateRequest.fromPartial({
      csr: csrPem,
      validityDuration: BigInt(ttlSeconds),
      ...(this.mode === 'impersonate' ? { metadata: { ImpersonatedIdentity: spiffeId } } : {}),
    });
    const client = this.#client();
    const metadata = this.endpoint.metadata();
    const { certChain } = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      const deadline = new Date(Date.now() + this.deadlineMs);
      client.createCertificate(request, metadata, { deadline }, (error: ServiceError | null, response) => {
        if (error === null) resolve(response);
        else reject(this.#failure(error, spiffeId));
      });
    }).catch((failure: unknown) => {
      if (!(failure instanceof CaBusyError)) this.#drop(client);
      throw failure;
    });
    return certChain;
  }

  #failure(error: ServiceError, spiffeId: string): Error {
    const message = `CA ${this.endpoint.target} refused ${spiffeId}: ${error.details}`;
    const retryAfterMs = error.code === status.RESOURCE_EXHAUSTED ? pushbackMs(error) : null;
    return retryAfterMs === null
      ? new CaError(error.code, message, { cause: error })
      : new CaBusyError(retryAfterMs, message, { cause: error });
  }

  close(): void {
    if (this.#channel !== null) this.#drop(this.#channel.client);
  }

  #client(): IstioCertificateServiceClient {
    const rootPem = this.endpoint.rootPem();
    if (this.#channel !== null && this.#channel.rootPem !== rootPem) this.#drop(this.#channel.client);
    this.#channel ??= {
      client: new IstioCertificateServiceClient(
        this.endpoint.target,
        this.endpoint.credentials(),
        this.endpoint.channelOptions(),
      ),
      rootPem,
    };
    return this.#channel.client;
  }

  #drop(client: IstioCertificateServiceClient): void {
    if (this.#channel?.client !== client) return;
    this.#channel = null;
    // Other requests on the same channel may still succeed; it closes when they are done.
    setTimeout(() => client.close(), CALL_DEADLINE_MS).unref();
  }
}

/** gRFC A6, `grpc-retry-pushback-ms`; null if the server does not say when to come back. */
function pushbackMs({ metadata }: ServiceError): number | null {
  const text = metadata.get('grpc-retry-pushback-ms').at(-1);
  return typeof text === 'string' && /^[0-9]{1,7}$/.test(text) ? Number(text) : null;
}
