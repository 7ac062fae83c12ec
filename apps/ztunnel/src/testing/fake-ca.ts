import type { status } from '@grpc/grpc-js';
import { Server, ServerCredentials, type Metadata } from '@grpc/grpc-js';
import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';
import type { TestIdentity } from '@weft/testing-certificates';
import {
  IstioCertificateResponse,
  IstioCertificateServiceService,
  type IstioCertificateRequest,
} from '@weft/xds/gen/mesh/ca/ca.js';

export interface CaRequest {
  readonly spiffeId: string;
  readonly ttlSeconds: number;
  readonly metadata: Metadata;
}

/** A CA that signs whatever it is asked for, as of the time that it is given. */
export class FakeCa {
  readonly requests: CaRequest[] = [];
  port = 0;
  /** Answers with this status when set. */
  refuse: { code: status; details: string } | null = null;
  #server: Server | null = null;
  #authority: CertificateAuthority | null = null;

  constructor(private readonly now: () => number) {}

  async listen(port = 0): Promise<void> {
    this.#authority ??= await this.#create();
    const server = new Server();
    type Call = { request: IstioCertificateRequest; metadata: Metadata };
    type Reply = (error: object | null, response?: IstioCertificateResponse) => void;
    server.addService(IstioCertificateServiceService, {
      createCertificate: (call: Call, reply: Reply) => {
        this.#sign(call.request, call.metadata).then(
          (certChain) => reply(null, IstioCertificateResponse.fromPartial({ certChain })),
          (failure: unknown) => reply(failure as object),
        );
      },
    });
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.#server = server;
  }

  /** A certificate for somebody who does not ask by gRPC. */
  async issue(spiffeId: string): Promise<TestIdentity> {
    const request = await createCsr(spiffeId);
    const checked = await checkCsr(request.csrPem, spiffeId);
    if (!checked.ok) throw checked.error;
    const leaf = await this.#authority!.issue(checked.value.publicKey, { spiffeId, ttlMs: 3_600_000, now: this.now() });
    const { rootsPem } = this.#authority!.material;
    return {
      spiffeId,
      serial: leaf.serialNumber,
      certificateChainPem: leaf.pem,
      privateKeyPem: request.privateKeyPem,
      rootsPem,
    };
  }

  close(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }

  async #sign(
    { csr, validityDuration, metadata: fields }: IstioCertificateRequest,
    metadata: Metadata,
  ): Promise<string[]> {
    const spiffeId = String(fields?.['ImpersonatedIdentity']);
    this.requests.push({ spiffeId, ttlSeconds: Number(validityDuration), metadata });
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- the form in which grpc-js takes a status
    if (this.refuse !== null) throw this.refuse;
    const checked = await checkCsr(csr, spiffeId);
    if (!checked.ok) throw checked.error;
    const leaf = await this.#authority!.issue(checked.value.publicKey, {
      spiffeId,
      ttlMs: Number(validityDuration) * 1000,
      now: this.now(),
    });
    return [leaf.pem, this.#authority!.material.rootsPem];
  }

  async #create(): Promise<CertificateAuthority> {
    const root = await createRoot({
      trustDomain: 'cluster.local',
      keyType: 'ecdsa-p256',
      ttlMs: 90 * 86_400_000,
      now: this.now(),
    });
    const loaded = await CertificateAuthority.load(root, this.now());
    if (!loaded.ok) throw loaded.error;
    return loaded.value;
  }
}
