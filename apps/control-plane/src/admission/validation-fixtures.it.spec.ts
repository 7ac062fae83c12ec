import { request } from 'node:https';
import { createLogger } from '@weft/runtime';
import { TestAuthority } from '@weft/testing-certificates';
import { validationFixtures } from '@weft/testing-fixtures';
import type { AdmissionResponse } from './review-request.js';
import { WebhookServer } from './webhook-server.js';

const NAME = 'istiod.istio-system.svc';

/** All bad input that is written down, asked of the webhook as the API server asks it. */
describe('the webhook over HTTPS says exactly what is wrong, and the cure', () => {
  let server: WebhookServer;
  let roots: string;

  beforeAll(async () => {
    const authority = await TestAuthority.create();
    roots = authority.rootsPem;
    server = new WebhookServer({
      host: '127.0.0.1',
      port: 0,
      onReview: () => undefined,
      onHttpError: () => undefined,
      log: createLogger('test', 'silent'),
    });
    server.update(await authority.issue('spiffe://cluster.local/ns/istio-system/sa/istiod', { dnsNames: [NAME] }));
    await server.start();
  });
  afterAll(() => server.stop(AbortSignal.timeout(0)));

  const review = (object: object): Promise<AdmissionResponse> =>
    new Promise((resolve, reject) => {
      const target = { host: '127.0.0.1', port: server.port, servername: NAME, ca: roots, agent: false } as const;
      const headers = { 'content-type': 'application/json' };
      const sent = request({ ...target, path: '/validate', method: 'POST', headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve((JSON.parse(Buffer.concat(chunks).toString()) as { response: AdmissionResponse }).response),
        );
      });
      sent.on('error', reject);
      sent.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          request: { uid: 'u1', operation: 'CREATE', object },
        }),
      );
    });

  const told = (deny: readonly string[]): string =>
    deny.length === 1
      ? `configuration is invalid: ${deny[0]!}`
      : `configuration is invalid, ${deny.length} errors:${deny.map((line) => `\n\t* ${line}`).join('')}`;

  it.each(
    validationFixtures().flatMap(({ kind, group, cases }) =>
      cases.map((one) => [`${kind}.${group}: ${one.name}`, one] as const),
    ),
  )('%s', async (_name, { object, deny, warn }) => {
    expect(await review(object)).toEqual({
      uid: 'u1',
      allowed: deny.length === 0,
      ...(deny.length > 0 && { status: { code: 400, reason: 'BadRequest', message: told(deny) } }),
      ...(warn.length > 0 && { warnings: warn }),
    });
  });
});
