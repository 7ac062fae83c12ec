import { randomBytes } from 'node:crypto';
import type net from 'node:net';
import type { TestIdentity } from '@weft/testing-certificates';
import { until } from '@weft/testing-fixtures';
import { APP_PORT, CLIENT_ID, SERVER_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, endOf, readAll, sha256 } from '../testing/data-plane-suite.js';
import { envoyAddress, envoyCluster, envoyType, startEnvoy, type WriteFile } from '../testing/envoy-process.js';
import { ENGINE_NAMES } from './engine.js';

// HBONE with the real Envoy: as the client of a pod's 15008, and as the server that a pod's connections go to.

const ENTRY_PORT = 9000;
const MARK = 0x539;

function tlsSocket(side: 'Upstream' | 'Downstream', file: WriteFile, identity: TestIdentity, peer: string): object {
  return {
    name: 'tls',
    typed_config: {
      '@type': envoyType(`extensions.transport_sockets.tls.v3.${side}TlsContext`),
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [
          {
            certificate_chain: { filename: file('chain.pem', identity.certificateChainPem) },
            private_key: { filename: file('key.pem', identity.privateKeyPem) },
          },
        ],
        validation_context: {
          trusted_ca: { filename: file('roots.pem', identity.rootsPem) },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
        },
      },
    },
  };
}

const HTTP2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': envoyType('extensions.upstreams.http.v3.HttpProtocolOptions'),
    explicit_http_config: { http2_protocol_options: {} },
  },
};

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  /** Every way in which bytes and ends can come and go, whoever the far side is. */
  const behaviours: readonly (readonly [string, (connect: () => net.Socket) => Promise<void>])[] = [
    [
      '8 MB of random bytes each way, unchanged',
      async (connect) => {
        await suite.serveEcho();
        const bytes = randomBytes(8 * 1024 * 1024);
        const socket = connect();
        const answer = readAll(socket);
        for (let at = 0; at < bytes.length;) {
          const end = at + 1 + (bytes[at]! << 8);
          socket.write(bytes.subarray(at, end));
          at = end;
        }
        socket.end();
        expect(sha256(await answer)).toBe(sha256(bytes));
      },
    ],
    [
      'half-close: the server answers after the end of the request',
      async (connect) => {
        await suite.serve((socket) => {
          void readAll(socket).then((bytes) => socket.end(`got ${bytes.length}`));
        });
        const socket = connect();
        socket.end(Buffer.alloc(100_000));
        expect((await readAll(socket)).toString()).toBe('got 100000');
      },
    ],
    [
      '32 connections at once',
      async (connect) => {
        await suite.serveEcho();
        const sockets = Array.from({ length: 32 }, connect);
        expect(await Promise.all(sockets.map((socket, i) => echo(socket, `n${i}`)))).toEqual(
          sockets.map((_, i) => `n${i}`),
        );
      },
    ],
    [
      'a reset by the application reaches the client',
      async (connect) => {
        await suite.serve((socket) => socket.on('data', () => socket.resetAndDestroy()));
        const socket = connect();
        socket.write('x');
        expect(['ECONNRESET', 'end']).toContain(await endOf(socket));
      },
    ],
  ];

  describe('Envoy as the client', () => {
    async function start(): Promise<() => net.Socket> {
      const rig = await suite.startEmpty();
      await rig.enrol('server');
      const envoy = await startEnvoy(rig.client, ENTRY_PORT, (file) => ({
        static_resources: {
          listeners: [
            {
              address: envoyAddress(rig.client.address, ENTRY_PORT),
              filter_chains: [
                {
                  filters: [
                    {
                      name: 'tcp_proxy',
                      typed_config: {
                        '@type': envoyType('extensions.filters.network.tcp_proxy.v3.TcpProxy'),
                        stat_prefix: 'out',
                        cluster: 'tunnel',
                        tunneling_config: { hostname: suite.app },
                      },
                    },
                  ],
                },
              ],
            },
          ],
          clusters: [
            {
              ...envoyCluster({ name: 'tunnel', host: rig.server.address, port: 15_008, mark: MARK }),
              transport_socket: tlsSocket('Upstream', file, rig.identities.client, SERVER_ID),
              typed_extension_protocol_options: HTTP2,
            },
          ],
        },
      }));
      suite.atEnd(() => envoy.stop());
      return () => suite.connect(`${rig.client.address}:${ENTRY_PORT}`);
    }

    it.each(behaviours)('%s', async (_, behave) => {
      await behave(await start());
      expect(suite.rig.of('inboundVerdictNeeded')[0]?.context).toMatchObject({
        peerIdentity: CLIENT_ID,
        authority: suite.app,
      });
    });

    it('a denial ends the client connection, and the tunnel goes on', async () => {
      const connect = await start();
      await suite.serveEcho();
      suite.rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'policy shop/deny-all' });
      const denied = connect();
      denied.write('x');
      expect(['ECONNRESET', 'end']).toContain(await endOf(denied));
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({ flag: 'DENY', peerIdentity: CLIENT_ID });
      suite.rig.verdict = (context) => suite.rig.allow(context);
      await suite.rig.command({ type: 'invalidate' });
      expect(await echo(connect())).toBe('ping');
    });

    it('a drain (GOAWAY) lets its open connections finish', async () => {
      const connect = await start();
      await suite.serveEcho();
      const socket = connect();
      expect(await echo(socket)).toBe('ping');
      suite.rig.dataPlane.send({ type: 'drain' });
      await until(() => suite.rig.server.run('ss', ['-Hltn', 'sport', '=', ':15008']) === '', 'nothing listens');
      expect(await echo(socket, 'still')).toBe('still');
      socket.end();
      await suite.rig.waitFor('drained');
    });
  });

  describe('Envoy as the server', () => {
    async function start(): Promise<() => net.Socket> {
      const rig = await suite.startEmpty();
      await rig.enrol('client');
      const envoy = await startEnvoy(rig.server, 15_008, (file) => ({
        static_resources: {
          listeners: [
            {
              address: envoyAddress(rig.server.address, 15_008),
              filter_chains: [
                {
                  transport_socket: tlsSocket('Downstream', file, rig.identities.server, CLIENT_ID),
                  filters: [{ name: 'hcm', typed_config: connectionManager() }],
                },
              ],
            },
          ],
          clusters: [envoyCluster({ name: 'app', host: rig.server.address, port: APP_PORT, mark: MARK })],
        },
      }));
      suite.atEnd(() => envoy.stop());
      return () => suite.connect();
    }

    it.each(behaviours)('%s', async (_, behave) => {
      await behave(await start());
      const opened = await suite.rig.waitFor('connectionOpened');
      expect(opened).toMatchObject({ direction: 'outbound', transport: 'hbone', peerIdentity: SERVER_ID });
    });

    it('an application that is not there (503) is reported, and the client is reset', async () => {
      const connect = await start();
      expect(await endOf(connect())).toBe('ECONNRESET');
      expect(await suite.rig.waitFor('connectionFailed')).toMatchObject({
        reason: 'http status: 503',
        flag: 'CONNECT',
      });
    });
  });
});

function connectionManager(): object {
  return {
    '@type': envoyType('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    codec_type: 'HTTP2',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    stream_idle_timeout: '0s',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { connect_matcher: {} },
              route: {
                cluster: 'app',
                timeout: '0s',
                upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
              },
            },
          ],
        },
      ],
    },
    http_filters: [
      { name: 'router', typed_config: { '@type': envoyType('extensions.filters.http.router.v3.Router') } },
    ],
  };
}
