import { spawn, type ChildProcess } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Svid } from '@weft/spiffe';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { systemClock } from '@weft/runtime';
import { CrlFileWatch } from './crl-file-watch.js';
import { crlForEnvoy } from './crl-for-envoy.js';
import { MeshSecrets } from './mesh-secrets.js';
import { SdsServer } from './sds-server.js';
const HOUR_MS = 3_600_000;
const LIMIT_MS = 20_000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let folder: string;
let authority: TestAuthority;
let server: TestIdentity;
const stack: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
  server = await authority.issue('spiffe://cluster.local/ns/shop/sa/waypoint', { dnsNames: ['localhost'] });
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-sds-'));
});
afterEach(async () => {
  for (const undo of stack.splice(0).reverse()) await undo();
  rmSync(folder, { recursive: true });
});

const svidOf = (identity: TestIdentity): Svid => ({ ...identity, notBefore: new Date(), notAfter: new Date(Date.now() + HOUR_MS) }); // prettier-ignore

describe('a CRL for Envoy', () => {
  const judge = (text: string, now = Date.now()) => crlForEnvoy(Buffer.from(text), svidOf(server), now);

  it('is the file as it is, if it has a list of whom our own certificate comes from', () => {
    const pem = authority.crl({ serials: ['0a'] });
    expect(judge(pem)).toEqual({ ok: true, value: pem });
    expect(judge('')).toEqual({ ok: true, value: '' });
  });

  it.each([
    ['a file that is none', 'nonsense', 'broken', 'CRL file refused: it is neither PEM nor DER'],
    ['a cut off file', '-----BEGIN X509 CRL-----\nMIIB', 'broken', 'CRL file refused: a PEM block has no end'],
  ])('%s is broken', (_what, text, kind, reason) => {
    expect(judge(text)).toEqual({ ok: false, error: { kind, reason } });
  });

  it('would cut good peers off without a list of that authority, or with one that is too old', async () => {
    const foreign = (await TestAuthority.create()).crl({ serials: ['0a'] });
    expect(judge(foreign)).toMatchObject({ error: { kind: 'unfit', reason: expect.stringContaining('it has no list of') as string } });
    const later = Date.now() + 48 * HOUR_MS;
    expect(judge(authority.crl({}), later)).toMatchObject({ error: { kind: 'unfit', reason: expect.stringContaining('was good until') as string } });
  }); // prettier-ignore
});

/** The real Envoy, with a TLS port whose certificate and roots come by SDS. */
async function startEnvoy(socketPath: string): Promise<number> {
  const [envoy = 'envoy'] = globSync(join(__dirname, '../../../../tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
  const sds = { api_config_source: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'sds' } }] }, resource_api_version: 'V3' };
  const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
  const config = {
    node: { id: 'test', cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    static_resources: {
      listeners: [
        {
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              filters: [{ name: 'echo', typed_config: { '@type': type('extensions.filters.network.echo.v3.Echo') } }],
              transport_socket: {
                name: 'tls',
                typed_config: {
                  '@type': type('extensions.transport_sockets.tls.v3.DownstreamTlsContext'),
                  require_client_certificate: true,
                  disable_stateless_session_resumption: true,
                  common_tls_context: {
                    tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
                    tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: sds }],
                    combined_validation_context: {
                      default_validation_context: {},
                      validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: sds },
                    },
                  },
                },
              },
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'sds',
          connect_timeout: '5s',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': type('extensions.upstreams.http.v3.HttpProtocolOptions'),
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'sds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socketPath } } } }] }],
          },
        },
      ],
    },
  };
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify(config));
  const args = ['-c', join(folder, 'envoy.json'), '--use-dynamic-base-id', '--concurrency', '1', '-l', 'error', '--admin-address-path', join(folder, 'admin')];
  const child: ChildProcess = spawn(envoy, args, { stdio: 'ignore' });
  stack.push(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  });
  let port: number | undefined;
  await until(async () => (port = await listenerPort()) !== undefined, 'Envoy listens', LIMIT_MS);
  return port!;
} // prettier-ignore

/** Undefined until there is one. */
async function listenerPort(): Promise<number | undefined> {
  const admin = await readFile(join(folder, 'admin'), 'utf8').catch(() => '');
  if (admin === '') return undefined;
  const { listener_statuses: all } = (await (await fetch(`http://${admin}/listeners?format=json`)).json()) as {
    readonly listener_statuses: readonly { readonly local_address: { readonly socket_address: { readonly port_value: number } } }[];
  };
  return all[0]?.local_address.socket_address.port_value;
} // prettier-ignore

/** A connection that echoes; null if it is refused. */
function tryEcho(port: number, client: TestIdentity): Promise<ReturnType<typeof connect> | null> {
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'localhost', ca: client.rootsPem },
      ...{ cert: client.certificateChainPem, key: client.privateKeyPem },
    });
    socket.on('error', () => resolve(null)).on('close', () => resolve(null));
    socket.once('data', () => resolve(socket));
    socket.write('x');
  });
}

it('what a CRL names is refused by the real Envoy from then on, and everybody else is not', async () => {
  const [good, bad] = [await authority.issue('spiffe://cluster.local/ns/shop/sa/good'), await authority.issue('spiffe://cluster.local/ns/shop/sa/bad')]; // prettier-ignore
  const sds = new SdsServer({ path: join(folder, 'SDS'), clock: systemClock, log });
  await sds.start();
  stack.push(() => sds.stop());
  const refusals: boolean[] = [];
  const crl = new CrlFileWatch(join(folder, 'ca-crl.pem'), systemClock, () => secrets.crlChanged());
  const secrets: MeshSecrets = new MeshSecrets({
    publish: (resources) => sds.publish(resources),
    crl: () => crl.content,
    clock: systemClock,
    log,
    onCrl: ({ refused }) => refusals.push(refused),
  });
  await crl.start();
  stack.push(
    () => crl.stop(),
    () => secrets.close(),
  );
  secrets.useSvid(svidOf(server));
  const port = await startEnvoy(join(folder, 'SDS'));
  const echoes = async (client: TestIdentity): Promise<boolean> => {
    const socket = await tryEcho(port, client);
    socket?.destroy();
    return socket !== null;
  };
  await until(async () => (await echoes(good)) && (await echoes(bad)), 'both are served', LIMIT_MS);
  const alive = await tryEcho(port, bad);
  stack.push(() => alive?.destroy());

  writeFileSync(join(folder, 'ca-crl.pem'), authority.crl({ serials: [bad.serial] }));
  await until(async () => !(await echoes(bad)), 'the revoked one is refused', LIMIT_MS);
  expect(await echoes(good)).toBe(true);

  // A renewed certificate of its own keeps the list in force, and so does a file that cannot be read.
  secrets.useSvid(svidOf(await authority.issue(server.spiffeId, { dnsNames: ['localhost'] })));
  writeFileSync(join(folder, 'ca-crl.pem'), 'nonsense');
  await until(() => refusals.at(-1) === true, 'the broken file is noticed', LIMIT_MS);
  expect([await echoes(good), await echoes(bad)]).toEqual([true, false]);

  writeFileSync(join(folder, 'ca-crl.pem'), (await TestAuthority.create()).crl({ serials: ['0a'] }));
  await until(() => echoes(bad), 'a list of somebody else cuts nobody off', LIMIT_MS);
  expect(await echoes(good)).toBe(true);
});
