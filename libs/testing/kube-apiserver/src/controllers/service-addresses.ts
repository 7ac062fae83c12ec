import { randomInt } from 'node:crypto';
import { cidrContains, parseCidr, parseIp, type Cidr } from '@weft/ip';
import { asList, asObject, type Cause, type JsonObject } from '@weft/testing-kube-schema';
import { addressAt } from '../auth/cluster-keys.js';
import { nameOf, namespaceOf, specOf, type KubeObject } from '../kube-object.js';
import type { TypeRules } from '../objects/write-context.js';
import { internalError, invalid } from '../status-error.js';
import type { Store } from '../storage/store.js';

const NODE_PORTS = { first: 30_000, last: 32_767 };
/** A network of more addresses is used only so far. */
const MAX_ADDRESSES = 65_534;

/** What a Service without a ClusterIP does not have. */
const ADDRESS_FIELDS: ReadonlySet<string> = new Set(['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']);
const SERVICE = { group: '', kind: 'Service' };
const textList = (value: unknown): string[] =>
  asList(value).filter((item): item is string => typeof item === 'string' && item !== '');
const clusterIpsOf = (spec: JsonObject): string[] => {
  const list = textList(spec['clusterIPs']);
  const first = spec['clusterIP'];
  return list.length > 0 ? list : typeof first === 'string' && first !== '' ? [first] : [];
};

/** Hands out ClusterIPs and node ports. What is taken is kept in step with the stored Services. */
export class ServiceAddresses implements TypeRules {
  readonly #networks: readonly Cidr[];
  readonly #ips = new Map<string, string>();
  readonly #ports = new Map<number, string>();
  #next = 10;

  constructor(serviceCidr: string, store: Store) {
    this.#networks = serviceCidr.split(',').map((text) => {
      const network = parseCidr(text.trim());
      if (network === null)
        throw new TypeError(`serviceCidr: ${JSON.stringify(text)} is not a network such as 10.96.0.0/16`);
      return network;
    });
    for (const { object } of store.bucket('services').list()) this.#take(object);
    store.onChange(({ bucket, type, stored, previous }) => {
      if (bucket.key !== 'services') return;
      if (previous !== undefined) this.#release(previous.object);
      if (type !== 'DELETED') this.#take(stored.object);
    });
  }

  beforeCreate(draft: KubeObject): void {
    this.#allocate(draft, undefined);
  }

  beforeUpdate(draft: KubeObject, live: KubeObject): void {
    this.#allocate(draft, live);
  }

  #allocate(draft: KubeObject, live: KubeObject | undefined): void {
    const spec = { ...specOf(draft) };
    const before = live === undefined ? undefined : specOf(live);
    const owner = `${namespaceOf(draft)}/${nameOf(draft)}`;
    if (spec['type'] === 'ExternalName') {
      draft['spec'] = Object.fromEntries(Object.entries(spec).filter(([field]) => !ADDRESS_FIELDS.has(field)));
      return;
    }
    const causes: Cause[] = [];
    this.#clusterIps(spec, before, owner, causes);
    this.#nodePorts(spec, before, owner, causes);
    if (causes.length > 0) throw invalid(SERVICE, nameOf(draft), causes);
    draft['spec'] = spec;
  }

  #clusterIps(spec: JsonObject, before: JsonObject | undefined, owner: string, causes: Cause[]): void {
    let wanted = clusterIpsOf(spec);
    if (wanted.length === 0 && before !== undefined && before['type'] !== 'ExternalName') wanted = clusterIpsOf(before);
    if (wanted[0] === 'None') {
      Object.assign(spec, { clusterIP: 'None', clusterIPs: ['None'] });
      this.#families(spec, [], 'None');
      return;
    }
    const networks = this.#networksFor(spec);
    const ips = networks.map((network, i) => {
      const asked = wanted[i];
      if (asked === undefined) return this.#freeAddress(network);
      const problem = this.#problemWith(asked, owner);
      if (problem !== null)
        causes.push({
          reason: 'FieldValueInvalid',
          field: 'spec.clusterIPs',
          message: `Invalid value: ${JSON.stringify(wanted)}: ${problem}`,
        });
      return asked;
    });
    Object.assign(spec, { clusterIP: ips[0], clusterIPs: ips });
    this.#families(spec, ips, ips[0]!);
  }

  /** One network for each family that the Service asks for; the cluster's first when it does not say. */
  #networksFor(spec: JsonObject): readonly Cidr[] {
    const families = textList(spec['ipFamilies']);
    const ofFamily = (name: string): Cidr | undefined =>
      this.#networks.find(({ base }) => `IPv${base.family}` === name);
    const named = families.map(ofFamily).filter((network): network is Cidr => network !== undefined);
    const asked = clusterIpsOf(spec)
      .map((text) => parseIp(text))
      .flatMap((ip) => (ip === null ? [] : [ofFamily(`IPv${ip.family}`)]))
      .filter((network): network is Cidr => network !== undefined);
    const first = named.length > 0 ? named : asked.length > 0 ? asked : [this.#networks[0]!];
    const both = spec['ipFamilyPolicy'] === 'PreferDualStack' || spec['ipFamilyPolicy'] === 'RequireDualStack';
    return both ? [...new Set([...first, ...this.#networks])].slice(0, 2) : first;
  }

  #families(spec: JsonObject, ips: readonly string[], first: string): void {
    if (first === 'None') spec['ipFamilies'] ??= [`IPv${this.#networks[0]!.base.family}`];
    else spec['ipFamilies'] = ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
    spec['ipFamilyPolicy'] ??= 'SingleStack';
  }

  #problemWith(text: string, owner: string): string | null {
    const ip = parseIp(text);
    if (ip === null) return 'must be a valid IP address';
    const network = this.#networks.find((each) => each.base.family === ip.family);
    if (network === undefined || !cidrContains(network, ip)) {
      return `failed to allocate IP ${text}: the provided network does not match the current range: ${this.#networks.map((each) => each.text).join(',')}`;
    }
    const holder = this.#ips.get(ip.text);
    if (holder === undefined || holder === owner) return null;
    return `failed to allocate IP ${text}: provided IP is already allocated to service ${holder}`;
  }

  #freeAddress(network: Cidr): string {
    const bits = network.base.bytes.length * 8 - network.prefixLength;
    const size = Math.min(MAX_ADDRESSES, 2 ** Math.min(bits, 17) - 2);
    for (let tries = 0; tries < size; tries++) {
      const index = 1 + (this.#next++ % size);
      const ip = addressAt(network.text, index);
      if (index > 1 && ip !== null && !this.#ips.has(ip)) return ip;
    }
    throw internalError(`failed to allocate a serviceIP: range ${network.text} is full`);
  }

  #nodePorts(spec: JsonObject, before: JsonObject | undefined, owner: string, causes: Cause[]): void {
    const wants =
      spec['type'] === 'NodePort' ||
      (spec['type'] === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false);
    const old = new Map(
      asList(before?.['ports'])
        .map(asObject)
        .map((port) => [`${String(port['protocol'])}/${String(port['port'])}`, port['nodePort']]),
    );
    const chosen = new Set<number>();
    spec['ports'] = asList(spec['ports']).map((item, i) => {
      const port = { ...asObject(item) };
      if (!wants) {
        if (spec['type'] === 'ClusterIP' || spec['type'] === undefined) delete port['nodePort'];
        return port;
      }
      const kept = old.get(`${String(port['protocol'])}/${String(port['port'])}`);
      let number = typeof port['nodePort'] === 'number' && port['nodePort'] !== 0 ? port['nodePort'] : undefined;
      if (number === undefined && typeof kept === 'number') number = kept;
      if (number === undefined) number = this.#freePort(chosen);
      else {
        const problem = this.#portProblem(number, owner);
        if (problem !== null)
          causes.push({
            reason: 'FieldValueInvalid',
            field: `spec.ports[${i}].nodePort`,
            message: `Invalid value: ${number}: ${problem}`,
          });
      }
      chosen.add(number);
      return { ...port, nodePort: number };
    });
    if (asList(spec['ports']).length === 0) delete spec['ports'];
  }

  #portProblem(port: number, owner: string): string | null {
    if (port < NODE_PORTS.first || port > NODE_PORTS.last) {
      return `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`;
    }
    const holder = this.#ports.get(port);
    return holder === undefined || holder === owner ? null : `provided port is already allocated to service ${holder}`;
  }

  #freePort(chosen: ReadonlySet<number>): number {
    const count = NODE_PORTS.last - NODE_PORTS.first + 1;
    const start = randomInt(count);
    for (let i = 0; i < count; i++) {
      const port = NODE_PORTS.first + ((start + i) % count);
      if (!this.#ports.has(port) && !chosen.has(port)) return port;
    }
    throw internalError('failed to allocate a nodePort: range is full');
  }

  #take(service: KubeObject): void {
    const owner = `${namespaceOf(service)}/${nameOf(service)}`;
    const spec = specOf(service);
    for (const ip of clusterIpsOf(spec)) if (ip !== 'None') this.#ips.set(parseIp(ip)?.text ?? ip, owner);
    for (const port of asList(spec['ports'])) {
      const number = asObject(port)['nodePort'];
      if (typeof number === 'number') this.#ports.set(number, owner);
    }
  }

  #release(service: KubeObject): void {
    const owner = `${namespaceOf(service)}/${nameOf(service)}`;
    for (const text of clusterIpsOf(specOf(service))) {
      const ip = parseIp(text)?.text ?? text;
      if (this.#ips.get(ip) === owner) this.#ips.delete(ip);
    }
    for (const port of asList(specOf(service)['ports'])) {
      const number = asObject(port)['nodePort'];
      if (typeof number === 'number' && this.#ports.get(number) === owner) this.#ports.delete(number);
    }
  }
}
