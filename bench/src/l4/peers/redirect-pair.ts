import { marks, PodRedirection, runCommand } from '@weft/linux';
import { CLIENT_ADDRESS, COLD_NETWORK, type NamespacePair } from '../namespace-pair.js';
import { REDIRECTED_COLD_PORT } from './peer-route.js';

const REDIRECTION = { families: [4], dnsCapture: false, bypassInbound: false, virtualInterfaces: [] } as const;

/** The CNI agent's rules in both namespaces: each is a captured pod's. */
export async function redirectPair({ client, server }: NamespacePair): Promise<void> {
  const redirection = new PodRedirection(runCommand, 'iptables');
  await Promise.all([client, server].map(({ fd }) => redirection.install(fd, REDIRECTION)));
}

/**
 * The same for proxies that put no mark on their packets (of the peers Envoy alone could): what the CNI agent's rules know by
 * the mark is known by port and address here. Nothing of it is done for more than a connection's first packet but to compare.
 */
export async function redirectUnmarkedPair(namespaces: NamespacePair): Promise<void> {
  await redirectPair(namespaces);
  const { client, server } = namespaces;
  await restore(client.fd, 'nat', [
    `-I OUTPUT -d ${COLD_NETWORK} -p tcp -j REDIRECT --to-ports ${REDIRECTED_COLD_PORT}`,
    // The source proxy's own connections. This comes before the line above: a proxy may dial a cold address, too.
    `-I OUTPUT -p tcp --dport ${marks.INBOUND_HBONE_PORT} -j ACCEPT`,
  ]);
  const connectionMark = `0x${marks.CONNECTION_MARK.toString(16)}/0x${marks.MARK_MASK.toString(16)}`;
  await restore(server.fd, 'mangle', [
    // What the destination proxy sends with the client's address: answers are to come back to it, and it needs no other route.
    `-I PREROUTING -i lo -s ${CLIENT_ADDRESS} -p tcp --syn -j CONNMARK --set-xmark ${connectionMark}`,
    `-I OUTPUT -s ${CLIENT_ADDRESS} -j ACCEPT`,
  ]);
}

async function restore(netnsFd: number, table: string, rules: readonly string[]): Promise<void> {
  const input = [`*${table}`, ...rules, 'COMMIT', ''].join('\n');
  await runCommand(['iptables-restore', '--noflush'], { netnsFd, input });
}
