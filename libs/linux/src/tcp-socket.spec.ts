import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, promises, readlinkSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { formatSocketAddress, parseSocketAddress } from '@weft/ip';
import {
  closeDescriptor,
  EAGAIN,
  Epoll,
  EPOLLIN,
  EPOLLOUT,
  EventFd,
  inNetns,
  Memory,
  netnsIdentity,
  openNetns,
  raiseOpenFileLimit,
  receive,
  sameNetns,
  shutdownWrite,
  socketOptions,
  SystemCallError,
  tcpSocket,
  transmit,
  warmThreadPool,
} from './index.js';

const disposers: (() => void)[] = [];
afterEach(() => {
  for (const dispose of disposers.splice(0).reverse()) dispose();
});
const closing = (fd: number): number => {
  disposers.push(() => closeDescriptor(fd));
  return fd;
};
const address = (text: string) => parseSocketAddress(text)!;

function listener(family: 4 | 6, at: string): { fd: number; port: number } {
  const fd = closing(
    tcpSocket.prepared(family, (socket) => {
      if (family === 6) socketOptions.setIpv6Only(socket, false);
      tcpSocket.bind(socket, address(at), family);
      tcpSocket.listen(socket, 16);
    }),
  );
  return { fd, port: tcpSocket.localAddress(fd)!.port };
}

function waitFor(epoll: Epoll, fd: number, events: number): void {
  epoll.add(fd, events);
  expect(epoll.wait(2000)).toBe(1);
  expect(epoll.eventFd(0)).toBe(fd);
  epoll.remove(fd);
}

describe('tcpSocket', () => {
  it.each([
    [4, '127.0.0.1:0', '127.0.0.1'],
    [6, '[::]:0', '127.0.0.1'],
    [6, '[::1]:0', '[::1]'],
  ] as const)('family %i on %s: connects, accepts, moves bytes, half-closes', (family, at, host) => {
    const epoll = new Epoll();
    disposers.push(() => epoll.close());
    const { fd, port } = listener(family, at);
    expect(tcpSocket.accept(fd)).toBe(-EAGAIN);

    const clientFamily = host.startsWith('[') ? 6 : 4;
    const client = closing(tcpSocket.open(clientFamily));
    expect(tcpSocket.connect(client, address(`${host}:${port}`), clientFamily)).toBe(0);
    waitFor(epoll, fd, EPOLLIN);
    const served = closing(tcpSocket.accept(fd));
    waitFor(epoll, client, EPOLLOUT);
    expect(socketOptions.pendingError(client)).toBe(0);
    expect(formatSocketAddress(tcpSocket.peerAddress(served)!)).toBe(
      formatSocketAddress(tcpSocket.localAddress(client)!),
    );
    expect(formatSocketAddress(tcpSocket.localAddress(served)!)).toBe(`${host}:${port}`);
    expect(tcpSocket.originalDestination(served)).toBeNull();

    const memory = Memory.of(Buffer.from('..hello.........'));
    expect(transmit(client, memory, 2, 5)).toBe(5);
    shutdownWrite(client);
    waitFor(epoll, served, EPOLLIN);
    const into = Memory.allocate(16);
    expect(receive(served, into, 1, 10)).toBe(5);
    expect(into.bytes.toString('latin1', 1, 6)).toBe('hello');
    expect(receive(served, into, 0, 16)).toBe(0);
  });

  it('reports a refused connection by errno, not by exception', () => {
    const epoll = new Epoll();
    disposers.push(() => epoll.close());
    const { fd, port } = listener(4, '127.0.0.1:0');
    closeDescriptor(fd);
    disposers.pop();
    disposers.length = 1;
    const client = closing(tcpSocket.open(4));
    const started = tcpSocket.connect(client, address(`127.0.0.1:${port}`), 4);
    if (started === 0) waitFor(epoll, client, EPOLLOUT);
    const error = started === 0 ? socketOptions.pendingError(client) : -started;
    expect(new SystemCallError('connect', error).errnoName).toBe('ECONNREFUSED');
  });

  it('sets what the data path needs: mark, transparency, keepalive, shared ports', () => {
    const fd = closing(tcpSocket.open(6));
    socketOptions.setMark(fd, 0x539);
    expect(socketOptions.mark(fd)).toBe(0x539);
    socketOptions.setTransparent(fd, 6);
    socketOptions.setFreebind(fd, 6);
    socketOptions.setNoDelay(fd);
    socketOptions.setReusePort(fd);
    socketOptions.setReuseAddress(fd);
    socketOptions.setKeepAlive(fd, { idleSeconds: 180, intervalSeconds: 180, probes: 9 });
    socketOptions.setUserTimeout(fd, 1000);
    socketOptions.setResetOnClose(fd);
    expect(() => socketOptions.setMark(-1, 1)).toThrow(/setsockopt SO_MARK: EBADF/);
  });

  it('makes descriptors that node:net can use', async () => {
    const { fd, port } = listener(4, '127.0.0.1:0');
    disposers.pop();
    const server = net.createServer((socket) => socket.end('from node')).listen({ fd });
    disposers.push(() => void server.close());
    const client = net.connect(port, '127.0.0.1');
    const [data] = (await once(client, 'data')) as [Buffer];
    expect(data.toString()).toBe('from node');
    client.destroy();
  });
});

describe('Memory', () => {
  it.each([
    [-1, 1],
    [0, 17],
    [16, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, -1],
  ])('refuses offset %d length %d of 16 bytes', (offset, length) => {
    expect(() => Memory.allocate(16).addressAt(offset, length)).toThrow(RangeError);
    expect(() => receive(0, Memory.allocate(16), offset, length)).toThrow(RangeError);
  });
});

describe('EventFd', () => {
  it('wakes an epoll wait and is silent after a drain', () => {
    const epoll = new Epoll();
    const event = EventFd.create();
    epoll.add(event.fd, EPOLLIN);
    expect(epoll.wait(0)).toBe(0);
    const other = EventFd.fromDescriptor(event.fd);
    other.signal();
    other.signal();
    expect(epoll.wait(1000)).toBe(1);
    event.drain();
    expect(epoll.wait(0)).toBe(0);
    event.close();
    epoll.close();
  });
});

describe('raiseOpenFileLimit', () => {
  it('returns the hard limit', () => expect(raiseOpenFileLimit()).toBeGreaterThan(100));
});

describe('inNetns', () => {
  const name = `weft-b-linux-${process.pid}`;
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', name]);
    execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  });
  afterAll(() => {
    execFileSync('ip', ['netns', 'del', name]);
  });

  it('makes sockets in the other namespace and always comes back, also when the function throws', () => {
    const before = readlinkSync('/proc/thread-self/ns/net');
    const fd = openNetns(`/run/netns/${name}`);
    disposers.push(() => closeSync(fd));
    const { port } = inNetns(fd, () => {
      expect(readlinkSync('/proc/thread-self/ns/net')).not.toBe(before);
      return listener(4, '127.0.0.1:0');
    });
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(before);
    expect(() =>
      inNetns(fd, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(() => inNetns(fd, async () => Promise.resolve())).toThrow(TypeError);
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(before);
    const sockets = execFileSync('ip', ['netns', 'exec', name, 'ss', '-Hltn'], { encoding: 'utf8' });
    expect(sockets).toContain(`127.0.0.1:${port}`);
  });

  it('leaves the pool threads at home once they are warmed', async () => {
    await warmThreadPool();
    const fd = openNetns(`/run/netns/${name}`);
    disposers.push(() => closeSync(fd));
    const home = readlinkSync('/proc/thread-self/ns/net');
    const reads = inNetns(fd, () => ({
      all: Array.from({ length: 8 }, () => promises.readlink('/proc/thread-self/ns/net')),
    }));
    for (const link of await Promise.all(reads.all)) expect(link).toBe(home);
  });

  it('identifies a namespace by device and inode', () => {
    const one = openNetns(`/run/netns/${name}`);
    const two = openNetns(`/run/netns/${name}`);
    const own = openNetns('/proc/self/ns/net');
    expect(sameNetns(netnsIdentity(one), netnsIdentity(two))).toBe(true);
    expect(sameNetns(netnsIdentity(one), netnsIdentity(own))).toBe(false);
    expect(fstatSync(one).ino).toBe(netnsIdentity(one).inode);
    [one, two, own].forEach((fd) => closeSync(fd));
  });
});
