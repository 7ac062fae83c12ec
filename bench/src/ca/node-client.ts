import { ChannelCredentials, Metadata, status } from '@grpc/grpc-js';
import { IstioCertificateRequest, IstioCertificateServiceClient } from '@weft/xds/gen/mesh/ca/ca.js';

const CALL_DEADLINE_MS = 10_000;
/** Checked in the server's certificate. */
export const SERVER_NAME = 'weft-ca.istio-system.svc';

export interface NodeClientOptions {
  readonly port: number;
  readonly rootsPem: string;
  /** Empty: none is sent. */
  readonly token: string;
}

/** One node proxy as the CA sees it: a connection, a token, requests made beforehand. */
export class NodeClient {
  readonly #client: IstioCertificateServiceClient;
  readonly #metadata = new Metadata();

  constructor({ port, rootsPem, token }: NodeClientOptions) {
    this.#client = new IstioCertificateServiceClient(
      `127.0.0.1:${port}`,
      ChannelCredentials.createSsl(Buffer.from(rootsPem)),
      {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.ssl_target_name_override': SERVER_NAME,
        'grpc.default_authority': SERVER_NAME,
      },
    );
    if (token !== '') this.#metadata.set('authorization', `Bearer ${token}`);
  }

  static request(spiffeId: string, csr: string): IstioCertificateRequest {
    const metadata = { ImpersonatedIdentity: spiffeId };
    return IstioCertificateRequest.fromPartial({ csr, validityDuration: 86_400n, metadata });
  }

  /** Resolves with the error, null if it was signed. */
  ask(request: IstioCertificateRequest): Promise<string | null> {
    return new Promise((resolve) => {
      const deadline = Date.now() + CALL_DEADLINE_MS;
      this.#client.createCertificate(request, this.#metadata, { deadline }, (failure) =>
        resolve(failure === null ? null : `${status[failure.code]}: ${failure.details}`),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
