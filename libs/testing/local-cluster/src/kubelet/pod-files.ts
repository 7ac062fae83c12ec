import type { Pod } from '@weft/kube';

export interface PodFileInputs {
  readonly hostname: string;
  readonly podIps: readonly string[];
  readonly clusterDomain: string;
  readonly dnsAddress: string;
  /** The resolv.conf of the machine, for pods with dnsPolicy Default. */
  readonly hostResolvConf: string;
}

/** The name that a pod's programs see: `spec.hostname`, else the pod's name cut to what a host name may be. */
export function podHostname(pod: Pod, nodeName: string): string {
  if (pod.spec?.hostNetwork === true) return nodeName;
  return (pod.spec?.hostname ?? pod.metadata?.name ?? 'pod').slice(0, 63).replace(/[-.]+$/, '');
}

/** The files of /etc that the kubelet manages, by path without a leading slash. */
export function podFiles(pod: Pod, inputs: PodFileInputs): Readonly<Record<string, string>> {
  return {
    'etc/hostname': `${inputs.hostname}\n`,
    'etc/hosts': hostsFile(pod, inputs),
    'etc/resolv.conf': resolvConf(pod, inputs),
  };
}

function hostsFile(pod: Pod, { hostname, podIps, clusterDomain }: PodFileInputs): string {
  const subdomain = pod.spec?.subdomain;
  const full =
    subdomain === undefined ? '' : `${hostname}.${subdomain}.${pod.metadata?.namespace ?? ''}.svc.${clusterDomain}\t`;
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet'];
  for (const ip of podIps) lines.push(`${ip}\t${full}${hostname}`);
  for (const { ip, hostnames } of pod.spec?.hostAliases ?? []) lines.push([ip, ...(hostnames ?? [])].join('\t'));
  return `# Managed by the kubelet.\n${lines.join('\n')}\n`;
}

function resolvConf(pod: Pod, { clusterDomain, dnsAddress, hostResolvConf }: PodFileInputs): string {
  const { dnsPolicy = 'ClusterFirst', hostNetwork = false, dnsConfig } = pod.spec ?? {};
  const fromHost = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork);
  const nameservers = [...(dnsConfig?.nameservers ?? [])];
  const searches = [...(dnsConfig?.searches ?? [])];
  const options = (dnsConfig?.options ?? []).map(({ name, value }) =>
    value === undefined ? (name ?? '') : `${name ?? ''}:${value}`,
  );
  if (fromHost && dnsConfig === undefined) return hostResolvConf;
  if (!fromHost && dnsPolicy !== 'None') {
    nameservers.unshift(dnsAddress);
    searches.unshift(`${pod.metadata?.namespace ?? ''}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain);
    if (!options.some((option) => option.startsWith('ndots:'))) options.push('ndots:5');
  }
  const lines = nameservers.map((address) => `nameserver ${address}`);
  if (searches.length > 0) lines.push(`search ${searches.join(' ')}`);
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return (fromHost ? hostResolvConf : '') + lines.join('\n') + '\n';
}
