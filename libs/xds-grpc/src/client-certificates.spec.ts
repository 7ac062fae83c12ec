import { ChannelCredentials, Client } from '@grpc/grpc-js';
import { err, ok } from '@weft/result';
import { systemClock } from '@weft/runtime';
import { CertificateAuthority, checkCsr, createCsr, createRoot, uriSansOfCertificate } from '@weft/spiffe';
import { until } from '@weft/testing-fixtures';
import { DeltaServer } from '@weft/xds';
import { RotatingServerCertificate } from './rotating-server-certificate.js';
import { XdsServer } from './xds-server.js';

const PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const TTL_MS = 3_600_000;
const NAME = 'istiod.istio-system.svc';

async function authority() {
  const now = Date.now();
  const root = await createRoot({ trustDomain: 'cluster.local', keyType: 'ecdsa-p256', ttlMs: TTL_MS, now });
  const loaded = await CertificateAuthority.load(root, now);
  if (!loaded.ok) throw loaded.error;
  const issue = async (spiffeId: string) => {
    const { csrPem, privateKeyPem } = await createCsr(spiffeId);
    const csr = await checkCsr(csrPem, spiffeId);
    if (!csr.ok) throw csr.error;
    const leaf = await loaded.value.issue(csr.value.publicKey, { spiffeId, dnsNames: [NAME], ttlMs: TTL_MS, now });
    return { certificateChainPem: leaf.pem, privateKeyPem };
  };
  return { rootsPem: loaded.value.material.rootsPem, issue };
}

describe('a client', () => {
  const CLIENT = 'spiffe://cluster.local/ns/shop/sa/web';
  const seen: (readonly string[] | null)[] = [];
  const disposers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    seen.length = 0;
    for (const dispose of disposers.splice(0).reverse()) await dispose();
  });

  it.each([
    ['with a certificate of the roots is known by it', 'ours' as const, [CLIENT]],
    ['with a certificate of other roots has shown none', 'foreign' as const, null],
    ['without a certificate has shown none, and is served', 'none' as const, null],
  ])('%s', async (_what, which, expected) => {
    const [ours, foreign] = [await authority(), await authority()];
    const certificate = new RotatingServerCertificate();
    const server = new XdsServer({
      host: '127.0.0.1',
      port: 0,
      credentials: certificate.credentials({ askClients: true }),
      engineFor: () => ok(new DeltaServer([])),
      authenticate: (_metadata, shown) => {
        seen.push(shown === null ? null : uriSansOfCertificate(shown));
        return Promise.resolve(err({ code: 16, message: 'enough' }));
      },
      ready: () => true,
      clock: systemClock,
      log: { info: () => undefined, warn: () => undefined },
    });
    await server.start();
    disposers.push(() => server.stop(AbortSignal.timeout(200)));
    const own = await ours.issue('spiffe://cluster.local/ns/istio-system/sa/istiod');
    certificate.update({ ...own, rootsPem: ours.rootsPem });
    const mine = which === 'none' ? null : await (which === 'ours' ? ours : foreign).issue(CLIENT);
    const credentials = ChannelCredentials.createSsl(
      Buffer.from(ours.rootsPem),
      mine === null ? null : Buffer.from(mine.privateKeyPem),
      mine === null ? null : Buffer.from(mine.certificateChainPem),
    );
    const client = new Client(`127.0.0.1:${server.port}`, credentials, { 'grpc.ssl_target_name_override': NAME });
    disposers.push(() => client.close());
    const pass = (bytes: Buffer): Buffer => bytes;
    const stream = client.makeBidiStreamRequest(PATH, pass, pass);
    stream.on('error', () => undefined);
    await until(() => seen.length === 1, 'the client was looked at');
    expect(seen).toEqual([expected]);
  });
});
