import type net from 'node:net';
import { formatSocketAddress } from '@weft/ip';
import { decodeProxyHeader, ProxyTlv, type ProxyHeader } from '@weft/proxy-protocol';
import { until } from '@weft/testing-fixtures';
import { APP_PORT, CLIENT_ID } from '../testing/data-plane-rig.js';
import { DataPlaneSuite, echo, readAll } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';
import {
  envoyAddress,
  envoyCluster,
  envoyType as type,
  startEnvoy,
  type EnvoyProcess,
} from '../testing/envoy-process.js';

// A waypoint behind ztunnel: it is told by a PROXY header who connects.

const TUNNEL_PORT = 15_088;

async function start(suite: DataPlaneSuite, serviceHostname?: string): Promise<void> {
  const rig = await suite.start();
  const dialOf = (destination: string): string =>
    destination.startsWith('[') ? `[${rig.server.address6}]:15008` : `${rig.server.address}:15008`;
  rig.plan = (destination) => rig.hbonePlan(destination, { dial: dialOf(destination) });
  rig.verdict = ({ authority, peerIdentity, destination }) => ({
    kind: 'allow',
    dial: destination.startsWith('[') ? `[::1]:${TUNNEL_PORT}` : `127.0.0.1:${TUNNEL_PORT}`,
    preserveSource: false,
    proxyHeader: {
      destination: authority!,
      clientIdentity: peerIdentity!,
      ...(serviceHostname === undefined ? {} : { serviceHostname }),
    },
  });
}

/** What the waypoint read: the header, and what came behind it. Answers with the header's length. */
async function waypoint(
  suite: DataPlaneSuite,
  host: string,
): Promise<{ header: () => ProxyHeader | null; rest: () => string; peer: () => string }> {
  let [bytes, peer] = [Buffer.alloc(0), ''];
  const decoded = () => {
    const result = decodeProxyHeader(bytes);
    if (!result.ok) throw new Error(result.error);
    return result.value;
  };
  const sockets = new Set<net.Socket>();
  const server = await suite.rig.server.serve(
    TUNNEL_PORT,
    (socket) => {
      sockets.add(socket);
      peer = socket.remoteAddress ?? '';
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => (bytes = Buffer.concat([bytes, chunk])));
      socket.on('end', () => socket.end('done'));
    },
    host,
  );
  suite.atEnd(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    header: () => decoded()?.header ?? null,
    rest: () => bytes.subarray(decoded()?.length ?? 0).toString(),
    peer: () => peer,
  };
}

const text = (header: ProxyHeader | null, tlv: number): string | undefined => {
  const value = header?.tlvs.get(tlv);
  return value === undefined ? undefined : Buffer.from(value).toString();
};

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  describe('a PROXY header', () => {
    it.each([
      ['IPv4', '127.0.0.1', '10.96.0.1:80', /^10\.213\.0\.2:\d+$/],
      ['IPv6', '::1', '[fd00:96::1]:80', /^\[fd00:213::2\]:\d+$/],
    ])('%s: says who came, what for and as whom, before the first byte', async (_family, host, destination, source) => {
      await start(suite, 'app.shop.svc.cluster.local');
      const seen = await waypoint(suite, host);
      const socket = suite.connect(destination);
      socket.end('hello');
      expect((await readAll(socket)).toString()).toBe('done');
      const header = seen.header();
      expect(formatSocketAddress(header!.source!)).toMatch(source);
      expect(formatSocketAddress(header!.destination!)).toBe(destination);
      expect(text(header, ProxyTlv.CLIENT_IDENTITY)).toBe(CLIENT_ID);
      expect(text(header, ProxyTlv.SERVICE_HOSTNAME)).toBe('app.shop.svc.cluster.local');
      expect([seen.rest(), seen.peer()]).toEqual(['hello', host]);
      await until(() => suite.rig.of('connectionClosed').length === 2, 'both ends are closed');
      for (const closed of suite.rig.of('connectionClosed'))
        expect(closed).toMatchObject({ receivedBytes: 5, sentBytes: 4 });
    });

    it('comes also when the client waits for the server to speak', async () => {
      await start(suite);
      const seen = await waypoint(suite, '127.0.0.1');
      const socket = suite.connect('10.96.0.1:80');
      await until(() => seen.header() !== null, 'the header is there');
      expect(text(seen.header(), ProxyTlv.SERVICE_HOSTNAME)).toBeUndefined();
      socket.end();
      expect((await readAll(socket)).toString()).toBe('done');
    });
  });

  describe('Envoy as the waypoint', () => {
    const accessLog = '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DYNAMIC_METADATA(proxy:identity)%\n';
    async function envoyWaypoint(): Promise<EnvoyProcess> {
      const envoy = await startEnvoy(suite.rig.server, TUNNEL_PORT, (file) => ({
        static_resources: {
          listeners: [
            {
              name: 'tunnel',
              address: envoyAddress('127.0.0.1', TUNNEL_PORT),
              listener_filters: [
                {
                  name: 'proxy',
                  typed_config: {
                    '@type': type('extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'),
                    rules: [
                      {
                        tlv_type: ProxyTlv.CLIENT_IDENTITY,
                        on_tlv_present: { metadata_namespace: 'proxy', key: 'identity' },
                      },
                    ],
                  },
                },
              ],
              filter_chains: [
                {
                  filters: [
                    {
                      name: 'tcp',
                      typed_config: {
                        '@type': type('extensions.filters.network.tcp_proxy.v3.TcpProxy'),
                        stat_prefix: 'tcp',
                        cluster: 'app',
                        access_log: [
                          {
                            name: 'file',
                            typed_config: {
                              '@type': type('extensions.access_loggers.file.v3.FileAccessLog'),
                              path: file('access', ''),
                              log_format: { text_format_source: { inline_string: accessLog } },
                            },
                          },
                        ],
                      },
                    },
                  ],
                },
              ],
            },
          ],
          clusters: [envoyCluster({ name: 'app', host: '127.0.0.1', port: APP_PORT, mark: 0x539 })],
        },
      }));
      suite.atEnd(() => envoy.stop());
      return envoy;
    }

    it('reads the addresses and the identity from the header', async () => {
      await start(suite, 'app.shop.svc.cluster.local');
      const app = await suite.rig.server.serve(
        APP_PORT,
        (socket) => socket.on('error', () => undefined).pipe(socket),
        '127.0.0.1',
      );
      suite.atEnd(() => app.close());
      const envoy = await envoyWaypoint();
      const socket = suite.connect('10.96.0.1:80');
      // Envoy resets a connection whose end it sees while it still reads the header, so the end waits for the echo.
      expect(await echo(socket, 'through the waypoint')).toBe('through the waypoint');
      socket.end();
      await readAll(socket);
      await until(() => envoy.read('access') !== '', 'Envoy has logged');
      expect(envoy.read('access')).toMatch(
        new RegExp(`^10\\.213\\.0\\.2:\\d+ 10\\.96\\.0\\.1:80 "?${CLIENT_ID}"?\\n$`),
      );
    });
  });
});
