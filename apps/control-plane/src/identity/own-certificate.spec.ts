import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { FakeClock, until } from '@weft/testing-fixtures';
import { RotatingServerCertificate } from '@weft/xds-grpc';
import { IstioCertificateServiceService, type IstioCertificateServiceServer } from '@weft/xds/gen/mesh/ca/ca.js';
import { parseControlPlaneConfig } from '../config.js';
import { ownCertificate } from './own-certificate.js';
import { TestAuthority } from '../testing/test-authority.js';

const SPIFFE_ID = 'spiffe://cluster.local/ns/istio-system/sa/weft-control-plane';
const disposers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const dispose of disposers.splice(0).reverse()) await dispose();
});

async function start(env: Record<string, string>, clock: FakeClock) {
  const config = parseControlPlaneConfig(env, 'pod-1');
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const seen = { certificates: [] as Date[], failures: 0 };
  const service = ownCertificate(config.value, {
    targets: [new RotatingServerCertificate()],
    clock,
    log: { info: () => undefined, warn: () => undefined },
    onCertificate: (notAfter) => seen.certificates.push(notAfter),
    onFailure: () => seen.failures++,
  });
  if (!service.ok) throw service.error;
  await service.value.start();
  disposers.push(() => service.value.stop(AbortSignal.timeout(1000)));
  return seen;
}

describe('the certificate of the server', () => {
  it('is read again when its files change; files that cannot be read leave the old one in use', async () => {
    const clock = new FakeClock();
    const authority = await TestAuthority.create(clock.now());
    const folder = mkdtempSync(join(tmpdir(), 'weft-cert-'));
    disposers.push(() => rmSync(folder, { recursive: true }));
    const files = { TLS_CERT_FILE: join(folder, 'cert.pem'), TLS_KEY_FILE: join(folder, 'key.pem') };
    const write = async (mtime: number) => {
      const { certPem, keyPem } = await authority.issue(SPIFFE_ID);
      writeFileSync(files.TLS_CERT_FILE, certPem);
      writeFileSync(files.TLS_KEY_FILE, keyPem);
      for (const file of Object.values(files)) utimesSync(file, mtime, mtime);
    };
    const seen = await start(files, clock);
    expect(seen).toEqual({ certificates: [], failures: 1 });
    await write(1);
    await clock.advance(10_000);
    expect(seen.certificates).toHaveLength(1);
    await clock.advance(10_000);
    expect(seen.certificates).toHaveLength(1);
    await write(2);
    await clock.advance(10_000);
    expect(seen.certificates).toHaveLength(2);
    writeFileSync(files.TLS_CERT_FILE, 'half written');
    await clock.advance(10_000);
    expect([seen.certificates.length, seen.failures]).toEqual([2, 2]);
  });

  it('comes from the CA under our own identity, is renewed before it expires, and a CA that is away is asked again', async () => {
    const clock = new FakeClock(Date.now());
    const authority = await TestAuthority.create(clock.now());
    let away = true;
    const requests: string[] = [];
    const handlers: IstioCertificateServiceServer = {
      createCertificate: ({ request, metadata }, answer) => {
        requests.push(String(metadata.get('authorization')[0]));
        if (away) answer({ code: status.UNAVAILABLE, details: 'away' });
        else {
          authority.sign(request.csr, SPIFFE_ID, { atMs: clock.now() }).then(
            (certChain) => answer(null, { $type: 'istio.v1.auth.IstioCertificateResponse', certChain: [...certChain] }),
            (failure: unknown) => answer(failure as Error),
          );
        }
      },
    };
    const ca = new Server();
    ca.addService(IstioCertificateServiceService, handlers);
    const port = await new Promise<number>((resolve, reject) => {
      ca.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (failure, bound) =>
        failure ? reject(failure) : resolve(bound),
      );
    });
    disposers.push(() => ca.forceShutdown());
    const seen = await start({ CA_ADDRESS: `http://127.0.0.1:${port}`, CA_TOKEN_FILE: 'the-token' }, clock);
    await until(() => seen.failures === 1, 'the CA was away');
    away = false;
    await clock.advance(2000);
    await until(() => seen.certificates.length === 1, 'a certificate is there');
    expect(new Set(requests)).toEqual(new Set(['Bearer the-token']));
    await clock.advance(31 * 60_000);
    await until(() => seen.certificates.length === 2, 'it was renewed at half of its life');
    expect(seen.certificates[1]!.getTime()).toBeGreaterThan(seen.certificates[0]!.getTime());
  });
});
