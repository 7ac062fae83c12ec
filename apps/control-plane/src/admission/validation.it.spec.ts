import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ENDPOINT_SLICES,
  type KubeClient,
  SERVICES,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
  type KubeObject,
} from '@weft/kube';
import { AUTHORIZATION_POLICIES, VIRTUAL_SERVICES } from '@weft/mesh-api';
import { createLogger, startAll } from '@weft/runtime';
import { TestAuthority } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { MeshApiServer } from '@weft/testing-mesh-deployment';
import { Registry } from 'prom-client';
import { ControlPlaneMetrics } from '../control-plane-metrics.js';
import { validation } from './validation.js';
import { webhookConfigName } from './webhook-registration.js';

const NAMESPACE = 'istio-system';
const NAME = webhookConfigName(NAMESPACE);
const log = createLogger('test', 'silent');
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

interface Bed {
  readonly kube: KubeClient;
  readonly folder: string;
  readonly rootFile: string;
  readonly port: number;
  readonly registry: Registry;
  /** The webhook is gone, its registration stays. */
  stop(): Promise<void>;
  kubectl(args: readonly string[], stdin?: string): Promise<{ readonly code: number; readonly output: string }>;
}

async function makeBed(): Promise<Bed> {
  const server = await MeshApiServer.start([NAMESPACE, 'shop']);
  disposers.push(() => server.stop());
  const { kube, kubeconfig } = server;
  const folder = mkdtempSync(join(tmpdir(), 'weft-validation-'));
  disposers.push(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'config');
  writeFileSync(config, kubeconfig, { mode: 0o600 });
  const authority = await TestAuthority.create();
  const rootFile = join(folder, 'root-cert.pem');
  writeFileSync(rootFile, authority.rootsPem);
  const registry = new Registry();
  const { server: webhook, services } = validation({
    config: { host: '127.0.0.1', port: 0, service: 'istiod', rootFile, failurePolicy: 'Fail' },
    kube,
    namespace: NAMESPACE,
    identity: 'replica-1',
    metrics: new ControlPlaneMetrics(registry),
    log,
  });
  webhook.update(
    await authority.issue(`spiffe://cluster.local/ns/${NAMESPACE}/sa/istiod`, {
      dnsNames: [`istiod.${NAMESPACE}.svc`],
    }),
  );
  const stop = await startAll(services, 2000);
  let stopped = false;
  const once = async () => {
    if (!stopped) await stop();
    stopped = true;
  };
  disposers.push(once);
  await serve(kube, webhook.port);
  return {
    kube,
    folder,
    rootFile,
    port: webhook.port,
    registry,
    stop: once,
    kubectl: (args, stdin = '') => runKubectl(config, folder, args, stdin),
  };
}

/** The Service in front of the webhook. */
async function serve(kube: KubeClient, port: number): Promise<void> {
  const metadata = { name: 'istiod', namespace: NAMESPACE };
  await kube.create(SERVICES, { metadata, spec: { ports: [{ name: 'https-webhook', port: 443, targetPort: port }] } });
  await kube.create(ENDPOINT_SLICES, {
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'istiod' } },
    addressType: 'IPv4',
    ports: [{ name: 'https-webhook', port }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
  });
}

function runKubectl(config: string, home: string, args: readonly string[], stdin: string) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    const env = { ...process.env, KUBECONFIG: config, HOME: home };
    const child = execFile('kubectl', args, { env, timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr }),
    );
    child.stdin?.end(stdin);
  });
}

const policyOf = async (kube: KubeClient): Promise<string | undefined> =>
  (await kube.get(VALIDATING_WEBHOOK_CONFIGURATIONS, undefined, NAME))?.webhooks?.[0]?.failurePolicy;
const working = ({ kube }: Bed) => until(async () => (await policyOf(kube)) === 'Fail', 'the webhook works');

const virtualService = (spec: object): KubeObject & { spec: object } => ({
  apiVersion: VIRTUAL_SERVICES.apiVersion,
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'shop' },
  spec,
});
const GOOD = { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] };

describe('validating admission on a Kubernetes API server', () => {
  it('registers itself, asks itself, and from then on refuses with field and cure: kubectl shows both', async () => {
    const bed = await makeBed();
    await working(bed);
    const bad = virtualService({
      ...GOOD,
      http: [{ ...GOOD.http[0], retries: { attempts: 1, retryOn: 'sometimes' } }],
    });
    const refused = await bed.kubectl(['apply', '-f', '-'], JSON.stringify(bad));
    expect(refused.code).toBe(1);
    expect(refused.output).toContain(
      'admission webhook "rev.validation.istio.io" denied the request: configuration is invalid: ' +
        'spec.http[0].retries.retryOn: "sometimes" is not a condition to retry on; ' +
        'use conditions of Envoy such as 5xx, reset or unavailable, or status codes',
    );
    const warned = virtualService({
      hosts: ['reviews'],
      http: [{ ...GOOD.http[0], mirror: { host: 'a' }, mirrorPercent: 5 }],
    });
    const applied = await bed.kubectl(['apply', '-f', '-'], JSON.stringify(warned));
    expect(applied.output).toContain('Warning: spec.http[0].mirrorPercent: is deprecated; use mirrorPercentage.value');
    expect(applied.output).toContain('virtualservice.networking.istio.io/reviews created');
    const metrics = await bed.registry.metrics();
    expect(metrics).toMatch(
      /galley_validation_failed\{group="networking.istio.io",version="v1",resource="virtualservices",reason="invalid"\} 1/,
    );
    expect(metrics).toMatch(
      /galley_validation_passed\{group="networking.istio.io",version="v1",resource="virtualservices"\} 1/,
    );
  });

  it('checks every served version, and the annotations', async () => {
    const bed = await makeBed();
    await working(bed);
    const old = { ...virtualService({ ...GOOD, gateways: ['a/b/c'] }), apiVersion: 'networking.istio.io/v1alpha3' };
    expect((await bed.kubectl(['apply', '-f', '-'], JSON.stringify(old))).output).toContain('"a/b/c" is not a gateway');
    const dryRun = bed.kube.create<KubeObject & { spec: object }>(AUTHORIZATION_POLICIES, {
      metadata: { name: 'x', namespace: 'shop', annotations: { 'istio.io/dry-run': 'maybe' } },
      spec: {},
    });
    await expect(dryRun).rejects.toThrow(
      'metadata.annotations[istio.io/dry-run]: "maybe" is not a boolean; write "true" or "false"',
    );
  });

  it('puts back what somebody changed or deleted, and new roots of the CA', async () => {
    const bed = await makeBed();
    await working(bed);
    const read = () => bed.kube.get(VALIDATING_WEBHOOK_CONFIGURATIONS, undefined, NAME);
    const caBundle = (await read())!.webhooks![0]!.clientConfig.caBundle;
    await bed.kube.patch(
      VALIDATING_WEBHOOK_CONFIGURATIONS,
      undefined,
      NAME,
      [
        {
          op: 'replace',
          path: '/webhooks/0/clientConfig/caBundle',
          value: Buffer.from('no certificate').toString('base64'),
        },
      ],
      { kind: 'json' },
    );
    await until(async () => (await read())?.webhooks?.[0]?.clientConfig.caBundle === caBundle, 'the roots are back');
    await bed.kube.delete(VALIDATING_WEBHOOK_CONFIGURATIONS, undefined, NAME);
    await until(async () => (await policyOf(bed.kube)) === 'Fail', 'the registration is back');
  });

  it('lets nothing through unseen while it is away', async () => {
    const bed = await makeBed();
    await working(bed);
    await bed.stop();
    await expect(bed.kube.create(VIRTUAL_SERVICES, virtualService(GOOD))).rejects.toThrow('failed calling webhook');
    // Deleting needs no answer.
    expect(await bed.kube.delete(VIRTUAL_SERVICES, 'shop', 'reviews')).toBe(false);
  });

  it('answers what is no review, and what is too large, with a status', async () => {
    const bed = await makeBed();
    const post = (
      path: string,
      body: string,
      headers: Record<string, string> = { 'content-type': 'application/json' },
    ) =>
      new Promise<number>((resolve, reject) => {
        const sent = request(
          { host: '127.0.0.1', port: bed.port, path, method: 'POST', headers, rejectUnauthorized: false, agent: false },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        );
        // The server may close while a body that it does not want is still on its way.
        sent.on('error', (error: NodeJS.ErrnoException) =>
          error.code === 'EPIPE' || error.code === 'ECONNRESET' ? undefined : reject(error),
        );
        sent.end(body);
      });
    expect(await post('/other', '{}')).toBe(404);
    expect(await post('/validate', '{}', { 'content-type': 'text/plain' })).toBe(415);
    expect(await post('/validate', 'nothing')).toBe(400);
    expect(await post('/validate', '{"apiVersion":"admission.k8s.io/v1beta1"}')).toBe(400);
    expect(
      await post('/validate/x', '{"apiVersion":"admission.k8s.io/v1","request":{"uid":"1","operation":"CREATE"}}'),
    ).toBe(200);
    expect(await post('/validate', `{"x":"${'y'.repeat(7 * 1024 * 1024)}"}`)).toBe(413);
  });
});
