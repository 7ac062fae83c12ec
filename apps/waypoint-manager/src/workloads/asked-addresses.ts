import { parseIp } from '@weft/ip';
import type { GatewaySpec } from '@weft/mesh-api';

/** What `spec.addresses` of a Gateway come to. Without a value any address will do. */
export interface AskedAddresses {
  readonly ips: readonly string[];
  /** Of existing Services: the Gateway brings its own workload behind them, and nothing is run for it. */
  readonly hostnames: readonly string[];
  /** What of them nobody here can do anything with; null if there is no such thing. */
  readonly unsupported: string | null;
}

export function askedAddresses({ addresses }: Pick<GatewaySpec, 'addresses'>): AskedAddresses {
  const ips: string[] = [];
  const hostnames: string[] = [];
  const bad: string[] = [];
  addresses.forEach(({ type, value }, i) => {
    const field = `spec.addresses[${i}]`;
    if (type !== 'IPAddress' && type !== 'Hostname')
      bad.push(`${field}.type: ${type} is not supported; use IPAddress, or Hostname for an existing Service`);
    else if (value === undefined) return;
    else if (type === 'Hostname') hostnames.push(value);
    else {
      const ip = parseIp(value);
      if (ip === null) bad.push(`${field}.value: ${JSON.stringify(value)} is not an IP address; write 192.0.2.1`);
      else ips.push(ip.text);
    }
  });
  return { ips, hostnames, unsupported: bad.length === 0 ? null : bad.join('; ') };
}

/** `name`, `name.namespace`, `name.namespace.svc` with or without the domain of the cluster; null for another name. */
export function serviceOfHostname(
  hostname: string,
  { namespace, clusterDomain }: { readonly namespace: string; readonly clusterDomain: string },
): { readonly namespace: string; readonly name: string } | null {
  const within = hostname.endsWith(`.svc.${clusterDomain}`)
    ? hostname.slice(0, -`.svc.${clusterDomain}`.length)
    : hostname.replace(/\.svc$/, '');
  const [name = '', of = namespace, ...more] = within.split('.');
  const short = within !== hostname && !within.includes('.');
  return name === '' || more.length > 0 || short ? null : { namespace: of, name };
}
