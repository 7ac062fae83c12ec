import { createHash } from 'node:crypto';
import type { Backend, Family, ServicePort } from './service-model.js';

/** Rules by chain, of one table. All chains are ours. */
export type Chains = ReadonlyMap<string, readonly string[]>;

export interface ServiceRules {
  readonly nat: Chains;
  readonly filter: Chains;
}

export interface RuleOptions {
  readonly family: Family;
  /** Traffic from elsewhere to a service address is masqueraded, so that the answers come back through this node. */
  readonly podCidr: string | null;
  /** Session affinity needs the match `recent`, which some kernels lack. */
  readonly affinity: boolean;
}

const SERVICES_CHAIN = 'WEFT-SERVICES';
const POSTROUTING_CHAIN = 'WEFT-POSTROUTING';
export const FILTER_CHAIN = 'WEFT-SERVICE-FILTER';
const NODE_PORTS_CHAIN = 'WEFT-NODEPORTS';
const MARK_CHAIN = 'WEFT-MARK-MASQ';
/** The bit that kube-proxy uses for the same purpose; nobody else of the mesh uses it. */
const MASQUERADE_MARK = '0x4000';
/** Chains per Service port or endpoint, which come and go. */
export const DYNAMIC_CHAIN = /^WEFT-(SVC|SVL|EXT|SEP)-[A-Z2-7]{16}$/;

/** Built-in chains that lead to ours. */
export const JUMPS = {
  nat: [
    { chain: 'PREROUTING', rule: `-m comment --comment "weft services" -j ${SERVICES_CHAIN}` },
    { chain: 'OUTPUT', rule: `-m comment --comment "weft services" -j ${SERVICES_CHAIN}` },
    { chain: 'POSTROUTING', rule: `-m comment --comment "weft services" -j ${POSTROUTING_CHAIN}` },
  ],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => ({
    chain,
    rule: `-m conntrack --ctstate NEW -m comment --comment "weft services" -j ${FILTER_CHAIN}`,
  })),
} as const;

/**
 * The rules for all Services of a node.
 *
 * A service address is translated to an endpoint drawn at random, each with the same chance; an endpoint that talks to itself
 * through its Service is masqueraded, else it would answer itself directly; a Service without endpoints refuses at once.
 */
export function serviceRules(ports: readonly ServicePort[], options: RuleOptions): ServiceRules {
  const builder = new RuleBuilder(options);
  for (const port of ports) builder.add(port);
  return builder.finish();
}

class RuleBuilder {
  readonly #nat = new Map<string, string[]>();
  readonly #filter: string[] = [];
  readonly #services: string[] = [];
  readonly #nodePorts: string[] = [];

  constructor(private readonly options: RuleOptions) {}

  add(port: ServicePort): void {
    const to = `-d ${this.#host(port.vip)} ${match(port, port.port)}`;
    const inside = port.internalLocal ? port.local : port.cluster;
    if (inside.length > 0) {
      this.#services.push(`${to} ${comment(port.label)} -j ${this.#balance(port, port.internalLocal)}`);
    } else {
      // Endpoints elsewhere that the policy forbids: drop, as kube-proxy does, because a refusal would be a lie.
      const verdict = port.internalLocal && port.cluster.length > 0 ? 'DROP' : 'REJECT';
      this.#filter.push(
        `${to} ${comment(`${port.label} has no ${port.internalLocal ? 'local ' : ''}endpoints`)} -j ${verdict}`,
      );
    }
    for (const vip of port.externalVips) this.#addExternalVip(port, vip);
    if (port.nodePort !== null) this.#addNodePort(port, port.nodePort);
  }

  finish(): ServiceRules {
    const nodePortRule = `-m addrtype --dst-type LOCAL ${this.#notLoopback()} ${comment('node ports - must be last')} -j ${NODE_PORTS_CHAIN}`;
    const nat = new Map<string, readonly string[]>([
      [SERVICES_CHAIN, this.#nodePorts.length === 0 ? this.#services : [...this.#services, nodePortRule]],
      [NODE_PORTS_CHAIN, this.#nodePorts],
      [MARK_CHAIN, [`-j MARK --or-mark ${MASQUERADE_MARK}`]],
      [
        POSTROUTING_CHAIN,
        [
          `-m mark ! --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j RETURN`,
          `-j MARK --xor-mark ${MASQUERADE_MARK}`,
          `-j MASQUERADE --random-fully`,
        ],
      ],
      ...this.#nat,
    ]);
    return { nat, filter: new Map([[FILTER_CHAIN, this.#filter]]) };
  }

  #addExternalVip(port: ServicePort, vip: string): void {
    const at = `-d ${this.#host(vip)} ${match(port, port.port)} ${comment(port.label)}`;
    const refusal = outsideRefusal(port);
    if (refusal === null) this.#services.push(`${at} -j ${this.#external(port)}`);
    else this.#filter.push(`${at} -j ${refusal}`);
  }

  #addNodePort(port: ServicePort, nodePort: number): void {
    const at = `${match(port, nodePort)} ${comment(port.label)}`;
    const refusal = outsideRefusal(port);
    if (refusal === null) this.#nodePorts.push(`${at} -j ${this.#external(port)}`);
    else this.#filter.push(`-m addrtype --dst-type LOCAL ${at} -j ${refusal}`);
  }

  /** The chain for clients from outside. */
  #external(port: ServicePort): string {
    const chain = chainName('EXT', port.label, port.protocol);
    if (this.#nat.has(chain)) return chain;
    const everywhere = this.#balance(port, false);
    if (!port.externalLocal) {
      this.#nat.set(chain, [`-j ${MARK_CHAIN}`, `-j ${everywhere}`]);
      return chain;
    }
    // The policy is for clients from outside: pods and the node itself reach all endpoints.
    const { podCidr } = this.options;
    this.#nat.set(chain, [
      ...(podCidr === null ? [] : [`-s ${podCidr} -j ${everywhere}`]),
      `-m addrtype --src-type LOCAL -j ${MARK_CHAIN}`,
      `-m addrtype --src-type LOCAL -j ${everywhere}`,
      `-j ${this.#balance(port, true)}`,
    ]);
    return chain;
  }

  /** The chain that draws one of the port's endpoints. */
  #balance(port: ServicePort, local: boolean): string {
    const chain = chainName(local ? 'SVL' : 'SVC', port.label, port.protocol);
    if (this.#nat.has(chain)) return chain;
    const backends = local ? port.local : port.cluster;
    const endpoints = backends.map((backend) => ({ backend, chain: this.#endpoint(port, backend) }));
    const { podCidr, affinity } = this.options;
    const outside =
      podCidr === null ? [] : [`! -s ${podCidr} -d ${this.#host(port.vip)} ${match(port, port.port)} -j ${MARK_CHAIN}`];
    const sticky =
      affinity && port.affinitySeconds !== null
        ? endpoints.map(
            ({ chain: endpoint }) =>
              `-m recent --name ${endpoint} --rcheck --seconds ${port.affinitySeconds!} --reap --rsource -j ${endpoint}`,
          )
        : [];
    const draw = endpoints.map(({ backend, chain: endpoint }, i) => {
      const left = endpoints.length - i;
      const chance = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      return `${comment(`${port.label} -> ${backend.address}:${backend.port}`)} ${chance}-j ${endpoint}`;
    });
    this.#nat.set(chain, [...outside, ...sticky, ...draw]);
    return chain;
  }

  #endpoint(port: ServicePort, { address, port: number }: Backend): string {
    const chain = chainName('SEP', port.label, port.protocol, address, String(number));
    const remember =
      this.options.affinity && port.affinitySeconds !== null ? `-m recent --name ${chain} --set --rsource ` : '';
    const target = this.options.family === 4 ? `${address}:${number}` : `[${address}]:${number}`;
    this.#nat.set(chain, [
      `-s ${this.#host(address)} -j ${MARK_CHAIN}`,
      `-p ${port.protocol} ${remember}-m ${port.protocol} -j DNAT --to-destination ${target}`,
    ]);
    return chain;
  }

  #host(address: string): string {
    return `${address}/${this.options.family === 4 ? 32 : 128}`;
  }

  #notLoopback(): string {
    return this.options.family === 4 ? '! -d 127.0.0.0/8' : '! -d ::1/128';
  }
}

/** Why clients from outside get no answer; null if they do. Endpoints that the policy forbids are dropped, as above. */
function outsideRefusal({ cluster, local, externalLocal }: ServicePort): 'REJECT' | 'DROP' | null {
  if (cluster.length === 0) return 'REJECT';
  return externalLocal && local.length === 0 ? 'DROP' : null;
}

const match = ({ protocol }: ServicePort, port: number): string => `-p ${protocol} -m ${protocol} --dport ${port}`;

/** iptables takes 255 characters; names of Services are far shorter, and hold nothing that needs escaping. */
const comment = (text: string): string =>
  `-m comment --comment "${text.replaceAll(/[^\w./:> -]/g, '_').slice(0, 255)}"`;

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Chain names have 28 characters at most, so what the chain is for goes into a hash. */
function chainName(kind: 'SVC' | 'SVL' | 'EXT' | 'SEP', ...identity: readonly string[]): string {
  const digest = createHash('sha256').update(identity.join('\0')).digest();
  return `WEFT-${kind}-${Array.from(digest.subarray(0, 16), (byte) => BASE32[byte & 31]).join('')}`;
}
