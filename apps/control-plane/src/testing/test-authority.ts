import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';

const TTL_MS = 3_600_000;

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
  async sign(csrPem: string, spiffeId: string, atMs = this.nowMs): Promise<readonly string[]> {
    const csr = await checkCsr(csrPem, spiffeId);
    if (!csr.ok) throw csr.error;
    const leaf = await this.authority.issue(csr.value.publicKey, {
      spiffeId,
      dnsNames: ['istiod.istio-system.svc'],
      ttlMs: TTL_MS,
      now: atMs,
    });
    return [leaf.pem, this.rootPem];
  }

  async issue(spiffeId: string): Promise<{ readonly certPem: string; readonly keyPem: string }> {
    const { csrPem, privateKeyPem } = await createCsr(spiffeId);
    return { certPem: (await this.sign(csrPem, spiffeId))[0]!, keyPem: privateKeyPem };
  }
}
