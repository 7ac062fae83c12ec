import { status } from '@grpc/grpc-js';
import { err, ok, type Clock, type Result } from '@weft/result';
import type { Logger } from '@weft/runtime';
import { checkCsr, formatSpiffeId, parseSpiffeId, type ProofCheck, type SpiffeId } from '@weft/spiffe';
import type { IstioCertificateRequest, IstioCertificateResponse } from '@weft/xds/gen/mesh/ca/ca.js';
import { authenticate, type Authenticator, type Evidence } from './authentication/authenticator.js';
import type { Caller } from './authentication/caller.js';
import type { CaMetrics } from './ca-metrics.js';
import type { CaConfig } from './config.js';
import type { EventLoopTurn } from './event-loop-turn.js';
import type { NodeAuthorizer } from './node-authorizer.js';
import type { RequestGate } from './request-gate.js';
import type { RevocationRegister } from './revocation-register.js';
import type { SignerChoice } from './signer-choice.js';

/** A refusal: what the caller is told, and what the audit log holds. */
export interface Refusal {
  readonly code: status;
  /** Says nothing about which identities exist. */
  readonly message: string;
  readonly detail: string;
  /** When to come back; only with RESOURCE_EXHAUSTED. */
  readonly retryAfterMs?: number;
}

export interface CertificateServiceOptions {
  readonly config: CaConfig;
  readonly signer: Pick<SignerChoice, 'issue'>;
  readonly register: Pick<RevocationRegister, 'refusal'>;
  readonly authenticators: readonly Authenticator[];
  /** All names of the mesh, the one of new certificates first. */
  readonly trustDomains: () => readonly string[];
  readonly nodes: Pick<NodeAuthorizer, 'settledRefusal'>;
  readonly gate: RequestGate;
  readonly proves: ProofCheck;
  readonly turn: Pick<EventLoopTurn, 'next'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: CaMetrics;
}

/** `istio.v1.auth.IstioCertificateService/CreateCertificate`: one audit line for every issuance and every refusal. */
export class CertificateService {
  constructor(private readonly options: CertificateServiceOptions) {}

  async create(
    request: IstioCertificateRequest,
    evidence: Evidence,
    peer: string,
  ): Promise<Result<IstioCertificateResponse, Refusal>> {
    const { gate, metrics } = this.options;
    metrics.requests.inc();
    const startedAtMs = performance.now();
    const admitted = await gate.run(() => this.#answer(request, evidence, peer));
    metrics.duration.observe((performance.now() - startedAtMs) / 1000);
    if (admitted.ok) return admitted.value;
    const { retryAfterMs } = admitted.error;
    const message = `the CA is busy, try again in ${retryAfterMs} ms`;
    const refusal = { code: status.RESOURCE_EXHAUSTED, message, detail: message, retryAfterMs };
    this.#audit(refusal, peer, undefined);
    return err(refusal);
  }

  async #answer(
    request: IstioCertificateRequest,
    evidence: Evidence,
    peer: string,
  ): Promise<Result<IstioCertificateResponse, Refusal>> {
    const caller = await this.#authenticate(evidence);
    if (!caller.ok) this.options.metrics.unauthenticated.inc();
    const result = caller.ok ? await this.#issue(request, caller.value, peer) : caller;
    if (!result.ok) this.#audit(result.error, peer, caller.ok ? caller.value : undefined);
    return result;
  }

  #audit({ code, detail }: Refusal, peer: string, caller: Caller | undefined): void {
    const { log, metrics } = this.options;
    metrics.refused.inc({ code: status[code] });
    log.warn({ peer, caller, code: status[code], reason: detail }, 'certificate refused');
  }

  async #authenticate(evidence: Evidence): Promise<Result<Caller, Refusal>> {
    const verdict = await authenticate(this.options.authenticators, evidence);
    if (verdict.kind === 'caller') return ok(verdict.caller);
    const { UNAUTHENTICATED, UNAVAILABLE } = status;
    const detail = verdict.kind === 'absent' ? 'nothing to authenticate by' : verdict.detail;
    return verdict.kind === 'unavailable'
      ? err({ code: UNAVAILABLE, message: 'authentication is not available, try again', detail })
      : err({ code: UNAUTHENTICATED, message: 'authentication failed', detail });
  }

  async #issue(
    request: IstioCertificateRequest,
    caller: Caller,
    peer: string,
  ): Promise<Result<IstioCertificateResponse, Refusal>> {
    const { signer, config, log, metrics } = this.options;
    const identity = await this.#identity(request, caller);
    if (!identity.ok) {
      metrics.identityRefused.inc();
      return identity;
    }
    const { text: spiffeId, namespace, serviceAccount } = identity.value;
    const revoked = this.options.register.refusal(spiffeId);
    if (revoked !== null)
      return err({ code: status.PERMISSION_DENIED, message: 'the identity is revoked', detail: revoked });
    const dnsNames = config.dnsNames.get(`${namespace}/${serviceAccount}`) ?? [];
    await this.options.turn.next();
    const csr = await checkCsr(request.csr, spiffeId, dnsNames, this.options.proves);
    if (!csr.ok) {
      metrics.csrRefused.inc();
      return err({ code: status.INVALID_ARGUMENT, message: csr.error.message, detail: csr.error.message });
    }
    if (config.externalCa !== 'none' && !csr.value.named) {
      const message = 'CSR refused: it must name the identity that it is for';
      return err({ code: status.INVALID_ARGUMENT, message, detail: message });
    }
    const asked = Number(request.validityDuration) * 1000;
    if (asked < 0)
      return err({
        code: status.INVALID_ARGUMENT,
        message: 'validity_duration is negative',
        detail: `validity_duration ${request.validityDuration.toString()}`,
      });
    const ttlMs = Math.min(asked === 0 ? config.defaultTtlMs : asked, config.maxTtlMs);
    const { publicKey } = csr.value;
    const issued = await signer.issue({ csrPem: request.csr, publicKey, spiffeId, dnsNames, ttlMs });
    if (!issued.ok) {
      metrics.signErrors.inc({ error: config.externalCa === 'none' ? 'ca_not_ready' : 'external_ca' });
      return unavailable(issued.error);
    }
    const { certChain, serialNumber: serial, notAfter } = issued.value;
    metrics.issued.inc();
    log.info({ peer, caller, spiffeId, serial, notAfter }, 'certificate issued');
    return ok({ $type: 'istio.v1.auth.IstioCertificateResponse', certChain });
  }

  /** The caller's own identity, or the one it impersonates where it may. */
  async #identity(request: IstioCertificateRequest, caller: Caller): Promise<Result<SpiffeId, Refusal>> {
    const { nodes } = this.options;
    const refuse = (detail: string) =>
      err({ code: status.UNAUTHENTICATED, message: 'request impersonation authentication failure', detail });
    const asked: unknown = request.metadata?.['ImpersonatedIdentity'];
    const text = asked ?? (await this.#ownIdentity(request, caller));
    if (typeof text !== 'string') return refuse('ImpersonatedIdentity is not a string');
    const parsed = parseSpiffeId(text);
    if (!parsed.ok) return refuse(parsed.error.message);
    const names = this.options.trustDomains();
    if (!names.includes(parsed.value.trustDomain)) return refuse(`${text} is not of trust domain ${names.join(', ')}`);
    if (asked === undefined) return parsed;
    const refusal = await nodes.settledRefusal(caller, parsed.value);
    return refusal === null ? parsed : refuse(refusal);
  }

  /** While the mesh has several names, a caller may still ask for the one that it was started with. */
  async #ownIdentity({ csr }: IstioCertificateRequest, { namespace, serviceAccount }: Caller): Promise<string> {
    const [own = '', ...aliases] = this.options
      .trustDomains()
      .map((trustDomain) => formatSpiffeId(trustDomain, namespace, serviceAccount));
    if (aliases.length === 0 || (await checkCsr(csr, own)).ok) return own;
    for (const alias of aliases) if ((await checkCsr(csr, alias)).ok) return alias;
    return own;
  }
}

const unavailable = (detail: string): Result<never, Refusal> =>
  err({ code: status.UNAVAILABLE, message: 'the signing certificate is not available, try again', detail });
