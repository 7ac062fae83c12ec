import { X509Certificate } from 'node:crypto';
import { SECRETS } from '@weft/kube';
import type { Logger } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { CaRig, SYSTEM, type CaClient, type RunningCa } from './testing/ca-rig.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';

let rig: CaRig;
let ca: RunningCa;
let client: CaClient;
let lines: Record<string, unknown>[];
beforeEach(async () => {
  rig = await CaRig.start();
  lines = [];
  const take = (fields: object, message: string): void => void lines.push({ ...fields, message });
  rig.log = { info: take, warn: take, error: take, debug: take, flush: () => undefined } as unknown as Logger;
  ca = await rig.startCa();
  await until(async () => (await rig.root(SYSTEM)) !== undefined, 'the root is distributed');
  client = rig.client(ca.grpc.port, (await rig.root(SYSTEM))!);
});
afterEach(() => rig.close());

const audit = () => lines.filter(({ message }) => /^certificate (issued|refused)$/.test(String(message)));

it('each issuance and each refusal is one line: who, for whom, from where, which serial number', async () => {
  const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
  const { certChain } = await client.certify(token, WEB);
  const serial = new X509Certificate(certChain[0]!).serialNumber.toLowerCase();
  await client.certify(token, `${WEB}x`).catch(() => undefined);
  await client.certify('garbage', WEB).catch(() => undefined);
  const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string;
  const caller = { namespace: 'shop', serviceAccount: 'web', by: 'kubernetes', pod: { name: 'web' } };
  expect(audit()).toMatchObject([
    { message: 'certificate issued', peer, caller, spiffeId: WEB, serial },
    { message: 'certificate refused', peer, caller, code: 'INVALID_ARGUMENT' },
    { message: 'certificate refused', peer, caller: undefined, code: 'UNAUTHENTICATED' },
  ]);
  const counts = ['csr_count', 'success_cert_issuance_count', 'csr_parsing_err_count', 'authentication_failure_count'];
  for (const [name, count] of counts.map((each, i) => [`citadel_server_${each}`, [3, 1, 1, 1][i]] as const))
    expect(await rig.metric(ca, name)).toEqual([`${name} ${count}`]);
});

it('no log line, metric or page of the CA holds a token or a private key', async () => {
  const token = await rig.startPod({ namespace: 'shop', account: 'web', node: 'node-1', name: 'web' });
  await client.certify(token, WEB);
  await client.certify(`${token}x`, WEB).catch(() => undefined);
  const base = `http://127.0.0.1:${ca.admin.port}`;
  const pages = ['/', '/metrics', '/readyz', '/healthz', '/debug', '/config_dump', '/debug/config'];
  const texts = await Promise.all(pages.map(async (path) => (await fetch(base + path)).text()));
  const secret = await rig.kube.get(SECRETS, SYSTEM, 'istio-ca-secret');
  const key = Buffer.from(secret?.data?.['ca-key.pem'] ?? '', 'base64').toString();
  const secrets = [token, token.split('.')[2]!, key.split('\n')[1]!, 'PRIVATE KEY'];
  expect(key).toContain('PRIVATE KEY');
  for (const text of [JSON.stringify(lines), ...texts]) for (const part of secrets) expect(text).not.toContain(part);
});
