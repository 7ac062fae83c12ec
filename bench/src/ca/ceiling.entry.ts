import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { CertificateAuthority, checkCsr, createCsr, createRoot } from '@weft/spiffe';
import { UnaryGrpcServer } from '@weft/xds-grpc';
import { IstioCertificateResponse } from '@weft/xds/gen/mesh/ca/ca.js';
import { SERVER_NAME } from './node-client.js';
import type { CeilingAnswer, CeilingOrder } from './ceiling.js';

const SPIFFE_ID = 'spiffe://cluster.local/ns/bench/sa/ceiling';
const HOUR_MS = 3_600_000;

/** Stands beside the CA in the same run: what the parts of its work cost when there is nothing else. */
async function main(): Promise<void> {
  const now = Date.now();
  const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: 24 * HOUR_MS, now });
  const authority = await CertificateAuthority.load(root, now);
  if (!authority.ok) throw authority.error;
  const { csrPem } = await createCsr(SPIFFE_ID);
  const issue = async (): Promise<string> => {
    const csr = await checkCsr(csrPem, SPIFFE_ID);
    if (!csr.ok) throw csr.error;
    const options = { spiffeId: SPIFFE_ID, ttlMs: HOUR_MS, now: Date.now() };
    return (await authority.value.issue(csr.value.publicKey, options)).pem;
  };
  const crypto = signAndVerify();
  const own = await createCsr(SPIFFE_ID);
  const checked = await checkCsr(own.csrPem, SPIFFE_ID);
  if (!checked.ok) throw checked.error;
  const names = { spiffeId: SPIFFE_ID, dnsNames: [SERVER_NAME], ttlMs: HOUR_MS, now };
  const leaf = await authority.value.issue(checked.value.publicKey, names);
  const port = await listenEmpty([await issue(), root.rootsPem], leaf.pem, own.privateKeyPem);
  process.on('message', (order: CeilingOrder) => {
    void measure(order.work === 'crypto' ? crypto : issue, order.count).then((cpuSeconds) =>
      process.send?.({ cpuSeconds } satisfies CeilingAnswer),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ port, rootsPem: root.rootsPem } satisfies CeilingAnswer);
}

/** What no CA on node:crypto can do without: to verify one signature of a key that is loaded, and to make one. */
function signAndVerify(): () => void {
  const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [request, certificate] = [Buffer.alloc(200, 1), Buffer.alloc(450, 2)];
  const signature = sign('sha256', request, subject.privateKey);
  return () => {
    if (!verify('sha256', request, subject.publicKey, signature)) throw new Error('a good signature was refused');
    sign('sha256', certificate, issuer.privateKey);
  };
}

async function measure(work: () => unknown, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** The same server with a fixed answer: what gRPC, HTTP/2 and TLS cost alone. */
async function listenEmpty(certChain: string[], certificateChainPem: string, privateKeyPem: string): Promise<number> {
  const value = IstioCertificateResponse.encode(IstioCertificateResponse.fromPartial({ certChain })).finish();
  const server = new UnaryGrpcServer({
    methods: {
      '/istio.v1.auth.IstioCertificateService/CreateCertificate': () => Promise.resolve({ ok: true, value }),
    },
    largestRequestBytes: 65_536,
    requestClientCertificate: true,
    onHandlerFailure: (failure) => {
      throw failure;
    },
  });
  server.useCertificate({ certificateChainPem, privateKeyPem });
  return server.listen('127.0.0.1', 0);
}

void main();
