import {
  DNS_PORT,
  INBOUND_HBONE_PORT,
  INBOUND_PLAINTEXT_PORT,
  OUTBOUND_PORT,
  PROBE_SOURCE_V4,
  PROBE_SOURCE_V6,
} from './marks.js';

export type Family = 4 | 6;
export type Table = 'raw' | 'mangle' | 'nat';
export type Hook = 'prerouting' | 'output';

/** All given conditions must hold. */
export interface Match {
  readonly protocol?: 'tcp' | 'udp';
  readonly inInterface?: string;
  readonly outInterface?: { readonly name: string; readonly negate: boolean };
  readonly source?: string;
  readonly destination?: { readonly cidr: string; readonly negate: boolean };
  readonly sourcePort?: number;
  readonly destinationPort?: { readonly port: number; readonly negate: boolean };
  /** The packet carries ztunnel's packet mark, or (negated) does not. */
  readonly packetMark?: 'ztunnel' | 'not-ztunnel' | 'connection';
  /**
   * Only the first packet of a TCP connection. Differs from Istio: tracking begins when the rules come, in the middle of
   * connections that are older, and the kernel then offers their next packet to the nat table; redirected, they would break.
   */
  readonly opening?: true;
  /** The connection carries ztunnel's connection mark. */
  readonly connectionMark?: true;
  /** The packet goes the way that the connection was opened. */
  readonly fromOpener?: true;
}

export type Action =
  | { readonly kind: 'accept' | 'return' | 'set-connection-mark' | 'restore-connection-mark' }
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'conntrack-zone'; readonly zone: number };

export interface PodRule {
  readonly table: Table;
  readonly hook: Hook;
  readonly match: Match;
  readonly action: Action;
  /** Why the rule is there, in a few words; it ends up in the kernel as a comment where the backend has room for one. */
  readonly purpose: string;
}

export interface PodRuleOptions {
  readonly family: Family;
  readonly dnsCapture: boolean;
  /** Leave inbound traffic alone: the pod is a gateway that takes it from outside the mesh itself. */
  readonly bypassInbound: boolean;
  /** Bridges to virtual machines or inner containers, whose ingress is the pod's egress. */
  readonly virtualInterfaces: readonly string[];
  readonly probeSource?: string;
}

const not = <T>(negated: T) => ({ ...negated, negate: true });

/**
 * What redirects a pod's traffic to ztunnel, in the order in which the kernel evaluates it. Backend-neutral: iptables and
 * nftables render the same list, so the two cannot drift apart.
 */
export function podRules(options: PodRuleOptions): readonly PodRule[] {
  const { family, dnsCapture, bypassInbound, virtualInterfaces } = options;
  const loopback = family === 4 ? '127.0.0.1/32' : '::1/128';
  const probe = options.probeSource ?? (family === 4 ? PROBE_SOURCE_V4 : PROBE_SOURCE_V6);
  const notLoopback = not({ cidr: loopback });
  const rule = (table: Table, hook: Hook, match: Match, action: Action, purpose: string): PodRule => ({
    table,
    hook,
    match,
    action,
    purpose,
  });
  const inbound: readonly PodRule[] = [
    rule(
      'nat',
      'prerouting',
      { source: probe, protocol: 'tcp' },
      { kind: 'accept' },
      'node probes go straight to the application',
    ),
    rule(
      'nat',
      'prerouting',
      {
        destination: notLoopback,
        protocol: 'tcp',
        destinationPort: not({ port: INBOUND_HBONE_PORT }),
        opening: true,
        packetMark: 'not-ztunnel',
      },
      { kind: 'redirect', port: INBOUND_PLAINTEXT_PORT },
      'plaintext from outside',
    ),
  ];
  const dns: readonly PodRule[] = [
    rule(
      'nat',
      'output',
      {
        outInterface: not({ name: 'lo' }),
        protocol: 'udp',
        packetMark: 'not-ztunnel',
        destinationPort: { port: 53, negate: false },
      },
      { kind: 'redirect', port: DNS_PORT },
      'DNS over UDP',
    ),
    rule(
      'nat',
      'output',
      {
        destination: notLoopback,
        protocol: 'tcp',
        destinationPort: { port: 53, negate: false },
        packetMark: 'not-ztunnel',
      },
      { kind: 'redirect', port: DNS_PORT },
      'DNS over TCP',
    ),
    rule(
      'raw',
      'output',
      { protocol: 'udp', packetMark: 'ztunnel', destinationPort: { port: 53, negate: false } },
      { kind: 'conntrack-zone', zone: 1 },
      'own DNS queries, apart from the captured ones',
    ),
    rule(
      'raw',
      'prerouting',
      { protocol: 'udp', packetMark: 'not-ztunnel', sourcePort: 53 },
      { kind: 'conntrack-zone', zone: 1 },
      'their answers',
    ),
  ];
  const virtual = virtualInterfaces.flatMap((inInterface) => [
    rule(
      'nat',
      'prerouting',
      { inInterface, protocol: 'tcp' },
      { kind: 'redirect', port: OUTBOUND_PORT },
      'egress of an inner machine',
    ),
    rule('nat', 'prerouting', { inInterface, protocol: 'tcp' }, { kind: 'return' }, 'and nothing else for it'),
  ]);
  return [
    ...virtual,
    // Differs from Istio in `fromOpener`: without it captured connections get the mark too, by ztunnel's answers to them.
    rule(
      'mangle',
      'prerouting',
      { packetMark: 'ztunnel', fromOpener: true },
      { kind: 'set-connection-mark' },
      'remember connections that ztunnel opened',
    ),
    ...(bypassInbound ? [] : inbound.slice(0, 1)),
    rule(
      'nat',
      'output',
      { destination: { cidr: probe, negate: false }, protocol: 'tcp' },
      { kind: 'accept' },
      'answers to node probes',
    ),
    ...(bypassInbound ? [] : inbound.slice(1)),
    // Differs from Istio in the packet mark: the kernel looks up the route anew for every packet whose mark changes here, and
    // ztunnel's own packets have theirs already.
    rule(
      'mangle',
      'output',
      { connectionMark: true, packetMark: 'not-ztunnel' },
      { kind: 'restore-connection-mark' },
      "route answers to a client's address back to ztunnel",
    ),
    ...(dnsCapture ? dns : []),
    rule(
      'nat',
      'output',
      { protocol: 'tcp', packetMark: 'connection' },
      { kind: 'accept' },
      'answers that belong to ztunnel',
    ),
    rule(
      'nat',
      'output',
      { destination: notLoopback, outInterface: { name: 'lo', negate: false } },
      { kind: 'accept' },
      'a pod calling itself',
    ),
    rule(
      'nat',
      'output',
      { destination: notLoopback, protocol: 'tcp', opening: true, packetMark: 'not-ztunnel' },
      { kind: 'redirect', port: OUTBOUND_PORT },
      'outbound',
    ),
  ];
}
