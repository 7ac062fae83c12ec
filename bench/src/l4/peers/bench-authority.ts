import { Server, ServerCredentials } from '@grpc/grpc-js';
import { MeshError, toError } from '@weft/result';
import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';
import {
  IstioCertificateResponse,
  IstioCertificateServiceService,
  type IstioCertificateRequest,
} from '@weft/xds/gen/mesh/ca/ca.js';

/** `BENCH_CA_FAILED`: the bench's own CA could not be made. */
class AuthorityError extends MeshError {
  readonly code = 'BENCH_CA_FAILED';
}

const TTL_MS = 86_400_000;

/** The identity of both ends: service accounts of the namespace `bench`. */
export const spiffeIdOf = (name: string): string => `spiffe://cluster.local/ns/bench/sa/${name}`;

/** One root for all peers: certificates for files, and the CA service that ztunnel asks (whoever asks is trusted). */
export class BenchAuthority {
  readonly #server = new Server();
  #port = 0;

  private constructor(private readonly authority: CertificateAuthority) {}

  static async start(): Promise<BenchAuthority> {
    const root = await createRoot({
      trustDomain: 'cluster.local',
      keyType: 'ecdsa-p256',
      ttlMs: TTL_MS,
      now: Date.now(),
    });
    const loaded = await CertificateAuthority.load(root, Date.now());
    if (!loaded.ok) throw loaded.error;
    const authority = new BenchAuthority(loaded.value);
    await authority.#listen();
    return authority;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get rootsPem(): string {
    return this.authority.material.rootsPem;
  }

  async issue(name: string, dnsName: string): Promise<{ certificatePem: string; privateKeyPem: string }> {
    const request = await createCsr(spiffeIdOf(name));
    const certificatePem = await this.#sign(request.csrPem, spiffeIdOf(name), [dnsName]);
    return { certificatePem, privateKeyPem: request.privateKeyPem };
  }

  close(): void {
    this.#server.forceShutdown();
  }

  async #listen(): Promise<void> {
    type Call = { request: IstioCertificateRequest };
    type Reply = (error: Error | null, response?: IstioCertificateResponse) => void;
    this.#server.addService(IstioCertificateServiceService, {
      createCertificate: ({ request }: Call, reply: Reply) => {
        this.#sign(request.csr, String(request.metadata?.['ImpersonatedIdentity']), []).then(
          (leaf) => reply(null, IstioCertificateResponse.fromPartial({ certChain: [leaf, this.rootsPem] })),
          (failure: unknown) => reply(toError(failure)),
        );
      },
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (cause, port) =>
        cause === null ? resolve(port) : reject(new AuthorityError('the CA cannot listen', { cause })),
      );
    });
  }

  async #sign(csrPem: string, spiffeId: string, dnsNames: readonly string[]): Promise<string> {
    const checked = await checkCsr(csrPem, spiffeId);
    if (!checked.ok) throw checked.error;
    const leaf = await this.authority.issue(checked.value.publicKey, {
      spiffeId,
      dnsNames,
      ttlMs: TTL_MS / 2,
      now: Date.now(),
    });
    return leaf.pem;
  }
}
