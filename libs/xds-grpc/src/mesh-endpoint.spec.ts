import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { MeshEndpoint } from './mesh-endpoint.js';

let folder: string;
let server: Server;
let port: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'weft-endpoint-'));
  for (const name of ['own', 'other']) {
    const about = ['-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', '/CN=x', '-newkey', 'rsa:2048'];
    const names = ['-addext', 'subjectAltName=DNS:istiod.istio-system.svc'];
    execFileSync('openssl', ['req', '-x509', ...about, ...names], { cwd: folder, stdio: 'pipe' });
  }
  const read = (file: string): Buffer => readFileSync(join(folder, file));
  server = new Server();
  const identity = { cert_chain: read('own.pem'), private_key: read('own.key') };
  port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [identity]), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
});
afterAll(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true });
});

/** The answer of a server that has no services: UNIMPLEMENTED means that TLS was agreed. */
async function call(serverName: string | undefined, root: 'own' | 'other'): Promise<ServiceError> {
  const endpoint = MeshEndpoint.parse({
    ...{ address: `https://127.0.0.1:${port}`, root: join(folder, `${root}.pem`), token: '', clusterId: 'c' },
    ...(serverName !== undefined && { serverName }),
  });
  if (!endpoint.ok) throw endpoint.error;
  const client = new Client(endpoint.value.target, endpoint.value.credentials(), endpoint.value.channelOptions());
  try {
    const same = (bytes: Buffer): Buffer => bytes;
    return await new Promise((resolve) =>
      client.makeUnaryRequest('/x/Y', same, same, Buffer.alloc(0), { deadline: Date.now() + 10_000 }, (error) =>
        resolve(error!),
      ),
    );
  } finally {
    client.close();
  }
}

describe('MeshEndpoint', () => {
  it('talks to the server that has the name and leads to the root', async () => {
    expect(await call('istiod.istio-system.svc', 'own')).toMatchObject({ code: status.UNIMPLEMENTED });
  });

  it.each([
    [
      'another name than the certificate has',
      'weft-ca.istio-system.svc',
      'own',
      /does not match certificate's altnames/,
    ],
    ['the address, which the certificate does not have', undefined, 'own', /does not match certificate's altnames/],
    ['a root that did not issue it', 'istiod.istio-system.svc', 'other', /self-signed certificate|unable to verify/],
  ] as const)('refuses %s', async (_, name, root, reason) => {
    const { code, details } = await call(name, root);
    expect(code).toBe(status.UNAVAILABLE);
    expect(details).toMatch(reason);
  });
});
