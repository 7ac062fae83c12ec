import { closeSync } from 'node:fs';
import { openNetns, runCommand } from '@weft/linux';

/** The same addresses in every pair: pairs are not connected to each other. */
export const CLIENT_ADDRESS = '10.214.0.2';
export const SERVER_ADDRESS = '10.214.0.3';
/** All addresses that begin like this are the server's, too; see `coldAddress`. */
const COLD_PREFIX = '10.215';
export const COLD_NETWORK = `${COLD_PREFIX}.0.0/16`;
export const SERVER_PORT = 7000;
/** A service of the server, local in the client's namespace: its ztunnel answers there without a redirection. */
export const SERVICE_ADDRESS = '10.216.0.1';

/** The n-th further address of the server, for peers whose pools are per address. */
export function coldAddress(n: number): string {
  return `${COLD_PREFIX}.${(n >> 8) & 255}.${n & 255}`;
}

export interface BenchNamespace {
  readonly name: string;
  readonly path: string;
  /** The pair's; closed by `remove`. */
  readonly fd: number;
}

// New connections come by the thousand each second, so ports in TIME_WAIT must be usable again.
const SYSCTL = ['net.ipv4.ip_local_port_range=10000 65000', 'net.ipv4.tcp_tw_reuse=1', 'net.core.somaxconn=4096'];

/** Two network namespaces on one cable, for one peer: the client's and the server's. Needs root. */
export class NamespacePair {
  private constructor(
    readonly client: BenchNamespace,
    readonly server: BenchNamespace,
  ) {}

  static async create(prefix: string): Promise<NamespacePair> {
    const [a, b] = [`${prefix}-a`, `${prefix}-b`];
    const script = [
      `ip netns add ${a}`,
      `ip netns add ${b}`,
      `ip -n ${a} link add eth0 type veth peer name eth0 netns ${b}`,
      ...[a, b].flatMap((name, i) => [
        `ip -n ${name} addr add ${[CLIENT_ADDRESS, SERVER_ADDRESS][i]}/24 dev eth0`,
        `ip -n ${name} link set lo up`,
        `ip -n ${name} link set eth0 up`,
        ...SYSCTL.map((setting) => `ip netns exec ${name} sysctl -qw "${setting}" || true`),
      ]),
      `ip -n ${a} route add ${COLD_NETWORK} via ${SERVER_ADDRESS}`,
      `ip -n ${a} addr add ${SERVICE_ADDRESS}/32 dev lo`,
      `ip -n ${b} route add default via ${CLIENT_ADDRESS}`,
      `ip -n ${b} route add local ${COLD_NETWORK} dev lo`,
    ];
    await runCommand(['sh', '-e', '-c', script.join('\n')]);
    const open = (name: string): BenchNamespace => {
      const path = `/run/netns/${name}`;
      return { name, path, fd: openNetns(path) };
    };
    return new NamespacePair(open(a), open(b));
  }

  async remove(): Promise<void> {
    for (const { name, fd } of [this.client, this.server]) {
      closeSync(fd);
      await runCommand(['ip', 'netns', 'del', name]).catch(() => undefined);
    }
  }
}
