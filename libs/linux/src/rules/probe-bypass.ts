import type { RunCommand } from './command.js';
import type { RedirectionBackend } from './pod-redirection.js';
import { PROBE_SET_V4, PROBE_SET_V6, PROBE_SOURCE_V4, PROBE_SOURCE_V6 } from './marks.js';
import type { Family } from './pod-rules.js';

const CHAIN = 'ISTIO_POSTRT';
const NFT_TABLE = 'istio-ambient-nat';

export interface ProbeBypassOptions {
  readonly run: RunCommand;
  readonly backend: RedirectionBackend;
  readonly families: readonly Family[];
  readonly probeSources?: Readonly<Partial<Record<Family, string>>>;
  /** nftables cannot ask whether a socket is local, so it goes by the kubelet's user. Default 0. */
  readonly kubeletUid?: number;
}

/**
 * On the node: what the node itself sends to an enrolled pod (probes) gets a source address that the pod's rules leave
 * alone. Forwarded traffic has no local socket and stays captured.
 */
export class ProbeBypass {
  constructor(private readonly options: ProbeBypassOptions) {}

  /** Makes the empty set and the rule; repeating it empties the set. */
  async install(): Promise<void> {
    for (const family of this.options.families) {
      await (this.options.backend === 'nftables' ? this.#installNftables(family) : this.#installIptables(family));
    }
  }

  async uninstall(): Promise<void> {
    const { run, backend, families } = this.options;
    if (backend === 'nftables') {
      await run(['nft', '-f', '-'], { input: `add table inet ${NFT_TABLE}\ndelete table inet ${NFT_TABLE}\n` });
      return;
    }
    for (const family of families) {
      const iptables = this.#iptables(family);
      const script = `${iptables} -t nat -D POSTROUTING -j ${CHAIN}; ${iptables} -t nat -F ${CHAIN}; ${iptables} -t nat -X ${CHAIN}; ipset destroy ${setOf(family)}`;
      await run(['sh', '-c', `(${script}) 2>/dev/null || true`]);
    }
  }

  /** `podUid` is kept with the address: an address that went to another pod is not removed by the old one's end. */
  async add(ip: { readonly family: Family; readonly text: string }, podUid: string): Promise<void> {
    const { run, backend } = this.options;
    if (backend === 'nftables') {
      const element = `inet ${NFT_TABLE} ${setOf(ip.family)} { ${ip.text} }`;
      await run(['nft', '-f', '-'], {
        input: `add element ${element}\ndelete element ${element}\nadd element ${element.replace(' }', ` comment "${podUid}" }`)}\n`,
      });
      return;
    }
    await run([
      'sh',
      '-c',
      `ipset del -exist ${setOf(ip.family)} ${ip.text} && ipset add ${setOf(ip.family)} ${ip.text} comment ${podUid}`,
    ]);
  }

  async remove(ip: { readonly family: Family; readonly text: string }, podUid: string): Promise<void> {
    const { run, backend } = this.options;
    const set = setOf(ip.family);
    const listed =
      backend === 'nftables'
        ? await run(['nft', 'list', 'set', 'inet', NFT_TABLE, set])
        : await run(['ipset', 'list', set]);
    const mine = backend === 'nftables' ? `${ip.text} comment "${podUid}"` : `${ip.text} comment "${podUid}"`;
    if (!listed.includes(mine)) return;
    if (backend === 'nftables') await run(['nft', 'delete', 'element', 'inet', NFT_TABLE, set, `{ ${ip.text} }`]);
    else await run(['ipset', 'del', '-exist', set, ip.text]);
  }

  async #installIptables(family: Family): Promise<void> {
    const { run } = this.options;
    const iptables = this.#iptables(family);
    const set = setOf(family);
    const script = [
      `ipset create -exist ${set} hash:ip family inet${family === 6 ? '6' : ''} comment`,
      `ipset flush ${set}`,
      `${iptables} -t nat -N ${CHAIN} 2>/dev/null || ${iptables} -t nat -F ${CHAIN}`,
      `${iptables} -t nat -D POSTROUTING -j ${CHAIN} 2>/dev/null || true`,
      `${iptables} -t nat -I POSTROUTING 1 -j ${CHAIN}`,
      `${iptables} -t nat -A ${CHAIN} -m owner --socket-exists -p tcp -m set --match-set ${set} dst -j SNAT --to-source ${this.#source(family)}`,
    ];
    await run(['sh', '-e', '-c', script.join('\n')]);
  }

  async #installNftables(family: Family): Promise<void> {
    const { run, kubeletUid = 0 } = this.options;
    const ip = family === 4 ? 'ip' : 'ip6';
    const set = setOf(family);
    const chain = `istio-postrouting-v${family}`;
    const input = [
      `add table inet ${NFT_TABLE}`,
      `add set inet ${NFT_TABLE} ${set} { type ${family === 4 ? 'ipv4_addr' : 'ipv6_addr'} ; }`,
      `flush set inet ${NFT_TABLE} ${set}`,
      `add chain inet ${NFT_TABLE} ${chain} { type nat hook postrouting priority 100 ; policy accept ; }`,
      `flush chain inet ${NFT_TABLE} ${chain}`,
      `add rule inet ${NFT_TABLE} ${chain} meta l4proto tcp meta skuid ${kubeletUid} ${ip} daddr @${set} counter snat ${ip} to ${this.#source(family)}`,
    ];
    await run(['nft', '-f', '-'], { input: input.concat('').join('\n') });
  }

  #source(family: Family): string {
    return this.options.probeSources?.[family] ?? (family === 4 ? PROBE_SOURCE_V4 : PROBE_SOURCE_V6);
  }

  #iptables(family: Family): string {
    return `${family === 4 ? 'iptables' : 'ip6tables'}${this.options.backend.replace('iptables', '')}`;
  }
}

const setOf = (family: Family): string => (family === 4 ? PROBE_SET_V4 : PROBE_SET_V6);
