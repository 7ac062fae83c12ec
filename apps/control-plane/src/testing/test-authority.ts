import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';

const TTL_MS = 3_600_000;

export interface SignOptions {
  readonly atMs?: number;
  readonly dnsNames?: readonly string[];
}

/** A CA of its own for one test. */
export class TestAuthority {
  private constructor(
    private readonly authority: CertificateAuthority,
    private readonly nowMs: number,
  ) {}

  static async create(nowMs: number): Promise<TestAuthority> {
    const root = await createRoot({
      trustDomain: 'cluster.local',
      keyType: 'ecdsa-p256',
      ttlMs: 10 * TTL_MS,
      now: nowMs,
    });
    const authority = await CertificateAuthority.load(root, nowMs);
    if (!authority.ok) throw authority.error;
    return new TestAuthority(authority.value, nowMs);
  }

  get rootPem(): string {
    return this.authority.material.rootsPem;
  }

  /** Leaf and root for a signing request, as a CA answers. */
  async sign(
    csrPem: string,
    spiffeId: string,
    { atMs = this.nowMs, dnsNames = ['istiod.istio-system.svc'] }: SignOptions = {},
  ): Promise<readonly string[]> {
    const csr = await checkCsr(csrPem, spiffeId);
    if (!csr.ok) throw csr.error;
    const leaf = await this.authority.issue(csr.value.publicKey, {
      spiffeId,
      dnsNames,
      ttlMs: TTL_MS,
      now: atMs,
    });
    return [leaf.pem, this.rootPem];
  }

  async issue(
    spiffeId: string,
    options: SignOptions = {},
  ): Promise<{ readonly certPem: string; readonly keyPem: string }> {
    const { csrPem, privateKeyPem } = await createCsr(spiffeId);
    return { certPem: (await this.sign(csrPem, spiffeId, options))[0]!, keyPem: privateKeyPem };
  }
}
