import { execFileSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import net from 'node:net';
import { inNetns, openNetns, socketOptions, tcpSocket } from '@weft/linux';
import { parseSocketAddress } from '@weft/ip';

/**
 * The rules of an enrolled pod that TCP needs, for one family. `--syn`: connection tracking may begin in the middle of connections
 * that are older than the rules; those must not be redirected.
 */
const rules = (loopback: string): string => `*mangle
:ISTIO_PRERT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
COMMIT
*nat
:ISTIO_PRERT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT ! -d ${loopback} -p tcp -m tcp ! --dport 15008 --syn -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT
-A ISTIO_OUTPUT ! -d ${loopback} -o lo -j ACCEPT
-A ISTIO_OUTPUT ! -d ${loopback} -p tcp -m tcp --syn -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001
COMMIT
`;

const FAMILIES = [
  ['-4', '0.0.0.0/0'],
  ['-6', '::/0'],
] as const;

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** Two network namespaces joined by a cable, like two pods on one link. Needs root. */
export class PodNamespace {
  readonly fd: number;

  private constructor(
    readonly name: string,
    readonly address: string,
    readonly address6: string,
  ) {
    this.fd = openNetns(`/run/netns/${name}`);
  }

  static pair(prefix: string): readonly [PodNamespace, PodNamespace] {
    const names = [`${prefix}a`, `${prefix}b`] as const;
    const addresses = ['10.213.0.2', '10.213.0.3'] as const;
    const addresses6 = ['fd00:213::2', 'fd00:213::3'] as const;
    for (const name of names) ip('netns', 'add', name);
    ip('-n', names[0], 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', names[1]);
    names.forEach((name, i) => {
      ip('-n', name, 'addr', 'add', `${addresses[i]}/24`, 'dev', 'eth0');
      ip('-n', name, 'addr', 'add', `${addresses6[i]}/64`, 'dev', 'eth0', 'nodad');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      for (const family of ['-4', '-6']) ip(family, '-n', name, 'route', 'add', 'default', 'dev', 'eth0');
    });
    return [
      new PodNamespace(names[0], addresses[0], addresses6[0]),
      new PodNamespace(names[1], addresses[1], addresses6[1]),
    ];
  }

  /** Captures the pod, as the CNI agent does. */
  enrol(): void {
    this.run('iptables-restore', [], rules('127.0.0.1/32'));
    this.run('ip6tables-restore', [], rules('::1/128'));
    for (const [family, all] of FAMILIES) {
      ip(family, '-n', this.name, 'route', 'add', 'local', all, 'dev', 'lo', 'table', '100');
      ip(family, '-n', this.name, 'rule', 'add', 'fwmark', '0x111/0xfff', 'pref', '32764', 'lookup', '100');
    }
  }

  run(program: string, args: readonly string[], input = ''): string {
    return execFileSync('ip', ['netns', 'exec', this.name, program, ...args], { input, encoding: 'utf8' });
  }

  /** A node server on the pod's own address; port 0 picks one. */
  async serve(port: number, onConnection: (socket: net.Socket) => void, host = this.address): Promise<net.Server> {
    const address = parseSocketAddress(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)!;
    const fd = inNetns(this.fd, () =>
      tcpSocket.prepared(address.ip.family, (socket) => {
        socketOptions.setReuseAddress(socket);
        tcpSocket.bind(socket, address, address.ip.family);
        tcpSocket.listen(socket, 512);
      }),
    );
    const server = net.createServer({ allowHalfOpen: true }, onConnection);
    await new Promise<void>((resolve) => server.listen({ fd }, resolve));
    return server;
  }

  /** A client socket of the pod. `mark`: as the proxy's own sockets are, not captured. */
  connect(to: string, options: { readonly mark?: number } = {}): net.Socket {
    const address = parseSocketAddress(to)!;
    const fd = inNetns(this.fd, () => tcpSocket.open(address.ip.family));
    if (options.mark !== undefined) socketOptions.setMark(fd, options.mark);
    const socket = new net.Socket({ fd, allowHalfOpen: true });
    return socket.connect({ host: address.ip.text, port: address.port });
  }

  remove(): void {
    closeSync(this.fd);
    ip('netns', 'del', this.name);
  }
}
