import type { SocketAddress } from '@weft/ip';
import { formatSocketAddress, parseSocketAddress } from '@weft/ip';
import { until } from '@weft/testing-fixtures';
import { SystemCallError, UdpSocket, type UdpSocketOptions } from './index.js';

const address = (text: string): SocketAddress => parseSocketAddress(text)!;
const open: UdpSocket[] = [];
afterEach(() => open.splice(0).forEach((socket) => socket.close()));

function udp(family: 4 | 6, options: UdpSocketOptions) {
  const messages: { text: string; from: SocketAddress }[] = [];
  const errors: string[] = [];
  const socket = UdpSocket.open(family, options, {
    message: (bytes, from) => messages.push({ text: bytes.toString('latin1'), from }),
    failed: (error) => errors.push(error.errnoName),
  });
  open.push(socket);
  return { socket, messages, errors };
}

describe('UdpSocket', () => {
  it.each([
    [4, '127.0.0.1:0'],
    [6, '[::1]:0'],
  ] as const)('family %i: asks from a port of its own and is answered there', async (family, at) => {
    const server = udp(family, { bind: address(at), reusePort: true });
    const to = server.socket.localAddress!;
    const client = udp(family, { connect: to });
    expect(client.socket.send(Buffer.from('ping'))).toBe(0);
    await until(() => server.messages.length === 1, 'the question arrives');
    const { from, text } = server.messages[0]!;
    expect([text, formatSocketAddress(from)]).toEqual(['ping', formatSocketAddress(client.socket.localAddress!)]);
    expect(server.socket.send(Buffer.from('pong'), from)).toBe(0);
    await until(() => client.messages.length === 1, 'the answer arrives');
    expect(client.messages[0]!.text).toBe('pong');
    expect(formatSocketAddress(client.messages[0]!.from)).toBe(formatSocketAddress(to));
  });

  it('a connected socket hears nobody else', async () => {
    const server = udp(4, { bind: address('127.0.0.1:0') });
    const stranger = udp(4, { bind: address('127.0.0.1:0') });
    const client = udp(4, { connect: server.socket.localAddress! });
    stranger.socket.send(Buffer.from('lie'), client.socket.localAddress!);
    server.socket.send(Buffer.from('truth'), client.socket.localAddress!);
    await until(() => client.messages.length > 0, 'something arrives');
    expect(client.messages.map(({ text }) => text)).toEqual(['truth']);
  });

  it('says that nobody listens, and goes on', async () => {
    const gone = udp(4, { bind: address('127.0.0.1:0') });
    const to = gone.socket.localAddress!;
    gone.socket.close();
    const client = udp(4, { connect: to });
    client.socket.send(Buffer.from('x'));
    await until(() => client.errors.length > 0, 'the refusal arrives');
    expect(client.errors).toEqual(['ECONNREFUSED']);
    const back = udp(4, { bind: to });
    client.socket.send(Buffer.from('y'));
    await until(() => back.messages.length === 1, 'the next one arrives');
  });

  it('two share a port only if both want to', () => {
    const first = udp(4, { bind: address('127.0.0.1:0'), reusePort: true });
    const bind = first.socket.localAddress!;
    expect(() => udp(4, { bind })).toThrow(SystemCallError);
    expect(() => udp(4, { bind, reusePort: true })).not.toThrow();
  });

  it('carries the largest datagram and refuses a larger one', async () => {
    const server = udp(4, { bind: address('127.0.0.1:0') });
    const client = udp(4, { connect: server.socket.localAddress! });
    expect(client.socket.send(Buffer.alloc(65_507, 'z'))).toBe(0);
    await until(() => server.messages.length === 1, 'it arrives');
    expect(server.messages[0]!.text).toHaveLength(65_507);
    expect(() => client.socket.send(Buffer.alloc(65_536))).toThrow(RangeError);
  });

  it('is silent after close', () => {
    const { socket } = udp(4, { bind: address('127.0.0.1:0') });
    socket.close();
    socket.close();
    expect([socket.send(Buffer.from('x'), address('127.0.0.1:9')), socket.localAddress]).toEqual([0, null]);
  });
});
