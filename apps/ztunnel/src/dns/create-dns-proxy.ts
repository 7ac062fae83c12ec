import type { Clock } from '@weft/result';
import type { Logger } from '@weft/runtime';
import type { Registry } from 'prom-client';
import type { Workload } from '../state/workload.js';
import { DnsMetrics } from './dns-metrics.js';
import { DnsProxy } from './dns-proxy.js';
import { Nameservers } from './nameservers.js';
import { openPodDns } from './pod-dns-sockets.js';
import type { NamesView } from './resolve-name.js';

export interface DnsProxySettings {
  readonly clusterDomain: string;
  readonly preferredServiceNamespace: string | null;
  readonly packetMark: number;
  readonly ipv6: boolean;
}

export interface DnsProxyParts {
  readonly state: NamesView;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: Logger;
  readonly workloadOf: (podUid: string) => Workload | null;
  readonly onStarted: () => void;
  /** Default: ztunnel's own. */
  readonly resolvConf?: string;
}

/** Where the rules of a pod send its DNS. */
const DNS_PROXY_PORT = 15053;

/** The DNS proxy with everything real. */
export function createDnsProxy(settings: DnsProxySettings, parts: DnsProxyParts): DnsProxy {
  const { state, clock, registry, log, workloadOf, onStarted, resolvConf = '/etc/resolv.conf' } = parts;
  const { clusterDomain, preferredServiceNamespace, packetMark, ipv6 } = settings;
  const nameservers = new Nameservers(resolvConf, clock, log);
  return new DnsProxy({
    view: state,
    settings: { clusterDomain, ipv6, preferredNamespace: preferredServiceNamespace },
    clock,
    metrics: new DnsMetrics(registry),
    log,
    nameservers: () => nameservers.current(),
    workloadOf,
    listen: (netnsFd, onMessage) => openPodDns(netnsFd, { mark: packetMark, port: DNS_PROXY_PORT, ipv6 }, onMessage),
    onStarted,
  });
}
