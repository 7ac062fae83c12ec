import { CaClient, type MeshEndpoint } from '@weft/xds-grpc';
import type { IssueRequest } from '../issuing.js';
import type { ExternalAuthority } from './external-signer.js';

/**
 * Has certificates signed by another CA that serves `istio.v1.auth.IstioCertificateService`. There this CA must be allowed to
 * ask for every identity: with ours, by `CA_REGISTRATION_ACCOUNTS`.
 */
export class GrpcAuthority implements ExternalAuthority {
  readonly name = 'external CA';
  readonly #client: CaClient;

  constructor(endpoint: MeshEndpoint) {
    this.#client = new CaClient(endpoint, 'impersonate');
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }

  /** Without the last element of the answer: whom to trust is not the other side's to say. */
  async sign({ csrPem, spiffeId, ttlMs }: IssueRequest): Promise<readonly string[]> {
    return (await this.#client.sign(csrPem, spiffeId, Math.floor(ttlMs / 1000))).slice(0, -1);
  }
}
