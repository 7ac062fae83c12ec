import { status } from '@grpc/grpc-js';
import type { TokenVerdict } from '@weft/kube';
import { createLogger } from '@weft/runtime';
import {
  CertificateAuthority,
  createCsr,
  createRoot,
  summarizeCertificate,
  verifyChain,
  provesPossession,
} from '@weft/spiffe';
import { FakeClock } from '@weft/testing-fixtures';
import { X509Certificate } from 'node:crypto';
import { Registry } from 'prom-client';
import { KubernetesAuthenticator } from './authentication/kubernetes-authenticator.js';
import { CaMetrics } from './ca-metrics.js';
import { CertificateService } from './certificate-service.js';
import { EventLoopTurn } from './event-loop-turn.js';
import { issueWith } from './issuing.js';
import { RequestGate } from './request-gate.js';
import { parseCaConfig, type CaConfig } from './config.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

function verdict(username: string): TokenVerdict {
  const extra = { 'authentication.kubernetes.io/pod-name': ['p'], 'authentication.kubernetes.io/pod-uid': ['u'] };
  return {
    authenticated: true,
    username,
    uid: 'x',
    groups: ['system:serviceaccounts'],
    extra,
    audiences: ['istio-ca'],
  };
}

async function setUp({ refusal = null as string | null, user = 'system:serviceaccount:shop:web' } = {}) {
  const config = parseCaConfig({}) as { ok: true; value: CaConfig };
  const clock = new FakeClock();
  const loaded = await CertificateAuthority.load(
    await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 1e10, now: clock.now() }),
    clock.now(),
  );
  if (!loaded.ok) throw loaded.error;
  const registry = new Registry();
  const service = new CertificateService({
    register: { refusal: () => null },
    trustDomains: () => ['cluster.local', 'old.example'],
    config: config.value,
    signer: {
      issue: (request) => issueWith({ current: () => loaded, admitTtl: () => Promise.resolve() }, request, clock.now()),
    },
    authenticators: [
      new KubernetesAuthenticator((token) => {
        if (token === 'away') return Promise.reject(new Error('connection refused'));
        return Promise.resolve(token === 'good' ? verdict(user) : { authenticated: false, error: 'expired' });
      }),
    ],
    nodes: { settledRefusal: () => Promise.resolve(refusal) },
    proves: provesPossession,
    turn: new EventLoopTurn(),
    gate: new RequestGate({ concurrency: 8, queueLength: 8, maxWaitMs: 1000, clock }),
    clock,
    log: createLogger('ca', 'silent'),
    metrics: new CaMetrics(registry),
  });
  const ask = async (overrides: { csr?: string; token?: string; seconds?: number; impersonate?: unknown } = {}) => {
    const { token = 'good', seconds = 0, impersonate } = overrides;
    const evidence = { certificateChain: [], ...(token !== '' && { token }) };
    const csr = overrides.csr ?? (await createCsr(typeof impersonate === 'string' ? impersonate : WEB)).csrPem;
    const request = {
      $type: 'istio.v1.auth.IstioCertificateRequest' as const,
      csr,
      validityDuration: BigInt(seconds),
      metadata: impersonate === undefined ? undefined : { ImpersonatedIdentity: impersonate },
    };
    return service.create(request, evidence, '10.0.0.1:5');
  };
  return { ask, clock, root: loaded.value.material.rootsPem, registry };
}

describe('CreateCertificate', () => {
  it('certifies the caller itself: leaf first, root bundle last', async () => {
    const { ask, clock, root, registry } = await setUp();
    const answer = await ask();
    if (!answer.ok) throw new Error(answer.error.detail);
    const chain = answer.value.certChain;
    expect(chain.at(-1)).toBe(root);
    expect(verifyChain(chain.slice(0, -1), root, clock.now())).toEqual({ ok: true, value: WEB });
    expect(await registry.metrics()).toContain('citadel_server_success_cert_issuance_count 1');
  });

  it.each([
    [0, 24],
    [3600, 1],
    [1e9, 2160],
  ])('a lifetime of %d s asked becomes %d h', async (seconds, hours) => {
    const { ask, clock } = await setUp();
    const answer = await ask({ seconds });
    if (!answer.ok) throw new Error(answer.error.detail);
    const leaf = summarizeCertificate(answer.value.certChain[0]!);
    expect(leaf.ok && leaf.value.notAfter.getTime() - clock.now()).toBe(hours * 3_600_000);
  });

  it.each([
    ['without a token', { token: '' }, status.UNAUTHENTICATED],
    ['with a token the API server refuses', { token: 'bad' }, status.UNAUTHENTICATED],
    ['while the API server is away', { token: 'away' }, status.UNAVAILABLE],
    ['with a CSR that is not PEM', { csr: 'nonsense' }, status.INVALID_ARGUMENT],
    ['with a negative lifetime', { seconds: -1 }, status.INVALID_ARGUMENT],
    ['for a foreign trust domain', { impersonate: 'spiffe://evil/ns/shop/sa/web' }, status.UNAUTHENTICATED],
    ['for something that is no identity', { impersonate: 7, csr: 'x' }, status.UNAUTHENTICATED],
  ])('is refused %s', async (_when, overrides, code) => {
    const { ask } = await setUp();
    expect(await ask(overrides)).toMatchObject({ ok: false, error: { code } });
  });

  it('while the mesh has several names, a caller may have each of them, and a proxy may ask for each', async () => {
    const { ask, root, clock } = await setUp();
    const renamed = WEB.replace('cluster.local', 'old.example');
    const own = await ask({ csr: (await createCsr(renamed)).csrPem });
    const impersonated = await ask({ impersonate: renamed });
    for (const answer of [own, impersonated]) {
      if (!answer.ok) throw new Error(answer.error.detail);
      expect(verifyChain(answer.value.certChain.slice(0, -1), root, clock.now())).toEqual({ ok: true, value: renamed });
    }
    const foreign = await ask({ csr: (await createCsr(WEB.replace('cluster.local', 'evil'))).csrPem });
    expect(foreign).toMatchObject({ ok: false, error: { code: status.INVALID_ARGUMENT } });
  });

  it('tells an impersonator nothing about which identities exist', async () => {
    const { ask } = await setUp({ refusal: 'no pod of shop/db runs on node n' });
    expect(await ask({ impersonate: 'spiffe://cluster.local/ns/shop/sa/db' })).toMatchObject({
      ok: false,
      error: {
        code: status.UNAUTHENTICATED,
        message: 'request impersonation authentication failure',
        detail: expect.stringContaining('node n') as string,
      },
    });
  });

  it('refuses a token that is not of a service account', async () => {
    const { ask } = await setUp({ user: 'kubernetes-admin' });
    expect(await ask()).toMatchObject({ ok: false, error: { code: status.UNAUTHENTICATED } });
  });

  it('adds DNS names only from its own settings', async () => {
    const { ask } = await setUp({ user: 'system:serviceaccount:istio-system:weft-control-plane' });
    const { csrPem } = await createCsr('spiffe://cluster.local/ns/istio-system/sa/weft-control-plane');
    const answer = await ask({ csr: csrPem });
    if (!answer.ok) throw new Error(answer.error.detail);
    expect(new X509Certificate(answer.value.certChain[0]!).checkHost('istiod.istio-system.svc')).toBe(
      'istiod.istio-system.svc',
    );
  });
});

describe('parseCaConfig', () => {
  it('names every problem at once', () => {
    const parsed = parseCaConfig({
      GRPC_PORT: 'x',
      MAX_WORKLOAD_CERT_TTL: '1y',
      CA_TRUSTED_NODE_ACCOUNTS: 'ztunnel',
      WEFT_TYPO: '1',
      CA_DNS_NAMES: 'a/b',
    });
    expect(!parsed.ok && parsed.error.map(({ key }) => key).sort()).toEqual([
      'CA_DNS_NAMES',
      'CA_TRUSTED_NODE_ACCOUNTS',
      'GRPC_PORT',
      'MAX_WORKLOAD_CERT_TTL',
      'WEFT_TYPO',
    ]);
  });
});
