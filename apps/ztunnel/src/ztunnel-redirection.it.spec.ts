import { once } from 'node:events';
import type net from 'node:net';
import { PodRedirection, runCommand, type RedirectionBackend } from '@weft/linux';
import { until } from '@weft/testing-fixtures';
import { bytes, memberOf, serviceMessage, workloadMessage } from './testing/mesh-fixtures.js';
import { WholeZtunnel } from './testing/whole-ztunnel.js';

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/client';
const OPTIONS = { families: [4, 6], dnsCapture: true, bypassInbound: false, virtualInterfaces: [] } as const;
const MARK = 0x539;
/** Asks any nameserver for a name, and prints the last four bytes of the answer: the address of the last record. */
const ASK_DNS = `
const socket = require('node:dgram').createSocket('udp4');
const labels = 'b.shop.svc.cluster.local'.split('.').map((it) => String.fromCharCode(it.length) + it).join('');
const query = Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), Buffer.from(labels), Buffer.from('0000010001', 'hex')]);
socket.on('message', (answer) => { console.log([...answer.subarray(-4)].join('.')); socket.close(); });
const ask = () => socket.send(query, 53, '192.0.2.53');
ask();
setInterval(ask, 1000).unref();
setTimeout(() => process.exit(1), 20000).unref();
`;

// The agent's own rules by each backend, in front of a whole ztunnel: what is captured, and what is not.
describe.each<RedirectionBackend>(['iptables-nft', 'iptables-legacy', 'nftables'])('redirected by %s', (backend) => {
  const redirection = new PodRedirection(runCommand, backend);
  const servers: net.Server[] = [];
  let whole: WholeZtunnel;

  beforeAll(async () => {
    whole = await WholeZtunnel.start({
      enrol: (pod) => redirection.install(pod.fd, OPTIONS),
      mesh: ([client, server]) => [
        workloadMessage('client', null, { addresses: [bytes(client.address), bytes(client.address6)] }),
        workloadMessage('server', null, {
          addresses: [bytes(server.address), bytes(server.address6)],
          services: memberOf('b'),
        }),
        serviceMessage('b', null, { addresses: [{ address: bytes('10.96.0.1') }, { address: bytes('fd00:96::1') }] }),
      ],
    });
    for (const host of [whole.pods[1].address, whole.pods[1].address6]) {
      const say = (socket: net.Socket): void => {
        socket.on('error', () => undefined);
        socket.end(`hello ${socket.remoteAddress ?? ''}`);
      };
      servers.push(await whole.pods[1].serve(8080, say, host));
    }
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await whole.stop();
  });
  beforeEach(() => void whole.lines.splice(0));

  const read = async (socket: net.Socket): Promise<string> => {
    const chunks: string[] = [];
    socket.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
    await once(socket, 'end');
    socket.end();
    return chunks.join('');
  };

  it.each([
    ['IPv4', () => '10.96.0.1:80', () => whole.pods[0].address],
    ['IPv6', () => '[fd00:96::1]:80', () => whole.pods[0].address6],
  ])('%s: what a pod calls goes by HBONE, and the application sees its address', async (_, to, source) => {
    expect(await read(whole.pods[0].connect(to()))).toBe(`hello ${source()}`);
    await until(() => whole.access.length === 2, 'both ends have logged');
    for (const line of whole.access) expect(line).toMatchObject({ 'src.identity': CLIENT });
  });

  it.each([
    ['IPv4', () => `${whole.pods[1].address}:8080`, () => whole.pods[0].address],
    ['IPv6', () => `[${whole.pods[1].address6}]:8080`, () => whole.pods[0].address6],
  ])('%s: who comes in plaintext is captured at the pod, and its address is kept', async (_, to, source) => {
    // With the mark of the proxy it passes the rules of its own pod.
    expect(await read(whole.pods[0].connect(to(), { mark: MARK }))).toBe(`hello ${source()}`);
    await until(() => whole.access.length === 1, 'one end has logged');
    expect(whole.access[0]).toMatchObject({ direction: 'inbound', 'dst.workload': 'server' });
    expect(whole.access[0]).not.toHaveProperty(['src.identity']);
  });

  it('a pod that calls itself is not captured', async () => {
    expect(await read(whole.pods[1].connect(`${whole.pods[1].address}:8080`))).toBe(`hello ${whole.pods[1].address}`);
    expect(whole.access).toEqual([]);
  });

  it('names are asked of ztunnel, whichever nameserver is meant', async () => {
    const answer = await runCommand([process.execPath, '-e', ASK_DNS], { netnsFd: whole.pods[0].fd });
    expect(answer.trim()).toBe('10.96.0.1');
  });

  it('without the rules a pod calls and is called directly', async () => {
    for (const pod of whole.pods) await redirection.remove(pod.fd, OPTIONS.families);
    expect(await read(whole.pods[0].connect(`${whole.pods[1].address}:8080`))).toBe(`hello ${whole.pods[0].address}`);
    expect(whole.access).toEqual([]);
  });
});
