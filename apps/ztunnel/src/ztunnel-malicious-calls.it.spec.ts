import type net from 'node:net';
import { until } from '@weft/testing-fixtures';
import { memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { WholeZtunnel } from './testing/whole-ztunnel.js';

const PORTS = { outbound: 15_001, inboundPlaintext: 15_006, inboundHbone: 15_008, dns: 15_053 } as const;
type Port = keyof typeof PORTS;
const NAMES = Object.keys(PORTS) as Port[];

// A pod calls the ports on which ztunnel itself listens, in every way that it can. None may lead into the proxy, and none may go
// round and round.
describe('calls of the ports of the proxy', () => {
  let whole: WholeZtunnel;

  beforeAll(async () => {
    whole = await WholeZtunnel.start({
      mesh: ([client, server]) => [
        workloadMessage('client', client.address),
        workloadMessage('server', server.address, {
          services: Object.fromEntries(NAMES.flatMap((name) => Object.entries(memberOf(name)))),
        }),
        // Services whose target ports are those of the proxy.
        ...NAMES.map((name, i) =>
          serviceMessage(name, `10.96.0.${i + 1}`, { ports: [{ servicePort: 80, targetPort: PORTS[name] }] }),
        ),
      ],
    });
  });
  afterAll(() => whole.stop());
  beforeEach(() => void whole.lines.splice(0));

  /** What came back until the end. */
  const call = (socket: net.Socket): Promise<string> =>
    new Promise((resolve) => {
      let text = '';
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => (text += chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
      socket.on('end', () => socket.end());
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    });

  const ways: readonly [string, (port: Port) => string][] = [
    ['on its own loopback', (port) => `127.0.0.1:${PORTS[port]}`],
    ['at its own address', (port) => `${whole.pods[0].address}:${PORTS[port]}`],
    ['at another pod', (port) => `${whole.pods[1].address}:${PORTS[port]}`],
    ['through a service', (port) => `10.96.0.${NAMES.indexOf(port) + 1}:80`],
  ];
  // 15053 on loopback is the pod's own nameserver, which it may ask.
  const cases = ways
    .flatMap(([where, to]) => NAMES.map((port) => [PORTS[port], where, () => to(port)] as const))
    .filter(([port, where]) => port !== PORTS.dns || where !== 'on its own loopback');

  it.each(cases)('%i %s gets no byte and ends', async (_port, _where, to) => {
    expect(await call(whole.pods[0].connect(to()))).toBe('');
  });

  it.each(ways.slice(0, 3).map(([where, to]) => [where, to] as const))(
    '15008 %s does not speak with who passes the rules by the mark of the proxy, without TLS',
    async (_where, to) => {
      expect(await call(whole.pods[0].connect(to('inboundHbone'), { mark: 0x539 }))).toBe('');
    },
  );

  it('go no further than one hop, and leave nothing open', async () => {
    const sum = async (name: string): Promise<number> => {
      const found = (await whole.metrics()).matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'gm'));
      return [...found].reduce((all, [, count]) => all + Number(count), 0);
    };
    const opened = 'istio_tcp_connections_opened_total';
    const allClosed = async (): Promise<boolean> =>
      (await sum(opened)) === (await sum('istio_tcp_connections_closed_total'));
    await until(allClosed, 'those before are over');
    const before = await sum(opened);
    for (const [, to] of ways) await call(whole.pods[0].connect(to('outbound')));
    await until(allClosed, 'these are over');
    // At most an outbound and an inbound one for each call.
    expect((await sum(opened)) - before).toBeLessThanOrEqual(2 * ways.length);
  });
});
