import { parseCidr, parseIp } from '@weft/ip';
import { err, ok, toError, type Result } from '@weft/result';
import { compilePolicy } from '@weft/policy';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Address } from '@weft/xds/gen/mesh/workload/workload.js';
import { parse } from 'yaml';
import { upsertAddress } from './mesh-subscriptions.js';
import type { MeshState } from './mesh-state.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Loads workloads, services and policies from a YAML text into the state: for running without a control plane. The keys are
 * those of Istio's local configuration. All problems are returned, each naming the object and the field; the rest is loaded.
 */
export function loadStaticConfig(text: string, state: MeshState): Result<number, readonly string[]> {
  const problems: string[] = [];
  let loaded = 0;
  const root = readYaml(text);
  if (!root.ok) return err([root.error]);
  const kinds = { workloads: loadWorkload, services: loadService, policies: loadPolicy } as const;
  for (const key of Object.keys(root.value)) {
    if (!(key in kinds)) problems.push(`${key} is not a known section: want ${Object.keys(kinds).join(', ')}`);
  }
  for (const [kind, load] of Object.entries(kinds)) {
    for (const [index, item] of listOf(root.value[kind]).entries()) {
      const result = isFields(item) ? attempt(() => load(item, state)) : err('want a mapping');
      if (result.ok) loaded++;
      else problems.push(`${kind}[${index}]: ${result.error}`);
    }
  }
  return problems.length > 0 ? err(problems) : ok(loaded);
}

function loadWorkload(item: Fields, state: MeshState): Result<unknown, string> {
  const {
    workloadIps,
    services,
    protocol,
    status,
    capacity,
    workloadType,
    applicationTunnel,
    networkMode,
    waypoint,
    networkGateway,
    ...rest
  } = item;
  const value = {
    ...rest,
    ...(waypoint === undefined ? {} : { waypoint: gateway(waypoint) }),
    ...(networkGateway === undefined ? {} : { networkGateway: gateway(networkGateway) }),
    addresses: listOf(workloadIps).map((ip) => base64Ip(String(ip))),
    services: Object.fromEntries(
      Object.entries(fieldsOf(services)).map(([key, ports]) => [key, { ports: portList(ports) }]),
    ),
    ...(protocol === undefined ? {} : { tunnelProtocol: protocol === 'TCP' ? 'NONE' : textOf(protocol) }),
    ...(status === undefined ? {} : { status: textOf(status).toUpperCase() }),
    ...(workloadType === undefined ? {} : { workloadType: textOf(workloadType).toUpperCase() }),
    ...(networkMode === undefined ? {} : { networkMode: networkMode === 'HostNetwork' ? 'HOST_NETWORK' : 'STANDARD' }),
    ...(applicationTunnel === undefined ? {} : { applicationTunnel }),
    ...(capacity === undefined ? {} : { capacity }),
  };
  return upsertAddress(state, Address.fromJSON({ workload: value }));
}

function loadService(item: Fields, state: MeshState): Result<unknown, string> {
  const { vips, cidrVips, ports, waypoint, weightedWaypoints, loadBalancer, ipFamilies, visibility, ...rest } = item;
  const { mode, routingPreferences, healthPolicy } = fieldsOf(loadBalancer);
  const families: Readonly<Record<string, string>> = { Dual: 'DUAL', IPv4: 'IPV4_ONLY', IPv6: 'IPV6_ONLY' };
  const value = {
    ...rest,
    addresses: [
      ...listOf(vips).map((vip) => networkAddress(String(vip))),
      ...listOf(cidrVips).map((vip) => cidrAddress(fieldsOf(vip))),
    ],
    ports: portList(ports),
    ...(waypoint === undefined ? {} : { waypoint: gateway(waypoint) }),
    weightedWaypoints: listOf(weightedWaypoints).map((it) => ({
      ...fieldsOf(it),
      destination: gateway(fieldsOf(it)['destination']),
    })),
    ...(loadBalancer === undefined
      ? {}
      : {
          loadBalancing: {
            mode: mode === undefined || mode === 'Standard' ? 'UNSPECIFIED_MODE' : textOf(mode).toUpperCase(),
            routingPreference: listOf(routingPreferences).map((scope) => String(scope).toUpperCase()),
            healthPolicy: healthPolicy === 'AllowAll' ? 'ALLOW_ALL' : 'ONLY_HEALTHY',
          },
        }),
    ...(ipFamilies === undefined ? {} : { ipFamilies: families[textOf(ipFamilies)] ?? textOf(ipFamilies) }),
    ...(visibility === undefined ? {} : { visibility: textOf(visibility).toUpperCase() }),
  };
  return upsertAddress(state, Address.fromJSON({ service: value }));
}

const SCOPES: Readonly<Record<string, string>> = {
  Global: 'GLOBAL',
  Namespace: 'NAMESPACE',
  WorkloadSelector: 'WORKLOAD_SELECTOR',
};

function loadPolicy(item: Fields, state: MeshState): Result<unknown, string> {
  const { scope, action, rules, ...rest } = item;
  const groups = listOf(rules).map((clauses) => ({
    rules: listOf(clauses).map((matches) => ({ matches: listOf(matches).map((match) => matchOf(fieldsOf(match))) })),
  }));
  const message = Authorization.fromJSON({
    ...rest,
    scope: SCOPES[String(scope)] ?? scope,
    action: String(action).toUpperCase(),
    groups,
  });
  const policy = compilePolicy(message);
  if (policy.ok) state.upsertPolicy(policy.value.key, policy.value);
  return policy;
}

const STRING_FIELDS = ['namespaces', 'notNamespaces', 'principals', 'notPrincipals'];
const NETWORK_FIELDS = ['sourceIps', 'notSourceIps', 'destinationIps', 'notDestinationIps'];
const ACCOUNT_FIELDS = ['serviceAccounts', 'notServiceAccounts'];
const PORT_FIELDS = ['destinationPorts', 'notDestinationPorts'];

function matchOf(match: Fields): Fields {
  const convert = (field: string, values: readonly unknown[]): unknown[] => {
    if (STRING_FIELDS.includes(field)) return values.map((value) => stringMatch(fieldsOf(value)));
    if (NETWORK_FIELDS.includes(field)) return values.map((value) => network(String(value)));
    if (PORT_FIELDS.includes(field)) return [...values];
    if (!ACCOUNT_FIELDS.includes(field)) throw new TypeError(`${field} is not a known field of a match`);
    return values.map((value) => {
      const [namespace, serviceAccount] = String(value).split('/');
      return { namespace, serviceAccount };
    });
  };
  return Object.fromEntries(Object.entries(match).map(([field, values]) => [field, convert(field, listOf(values))]));
}

function stringMatch(value: Fields): Fields {
  const [kind = '', text] = Object.entries(value)[0] ?? [];
  if (kind === 'Presence') return { presence: {} };
  if (!['Exact', 'Prefix', 'Suffix'].includes(kind))
    throw new TypeError(`string match ${JSON.stringify(kind)}: want Exact, Prefix, Suffix or Presence`);
  return { [kind.toLowerCase()]: text };
}

function network(text: string): Fields {
  const cidr = parseCidr(text);
  if (cidr === null) throw new TypeError(`${JSON.stringify(text)} is not an address or CIDR`);
  return { address: Buffer.from(cidr.base.bytes).toString('base64'), length: cidr.prefixLength };
}

/** `network/ip`, or `ip` on the default network. */
function networkAddress(text: string): Fields {
  const slash = text.lastIndexOf('/');
  return { network: slash < 0 ? '' : text.slice(0, slash), address: base64Ip(text.slice(slash + 1)) };
}

function cidrAddress({ network: on = '', cidr = '' }: Fields): Fields {
  return { network: on, ...network(String(cidr)) };
}

function gateway(value: unknown): Fields {
  const { destination, hboneMtlsPort } = fieldsOf(value);
  const text = String(destination);
  const ip = parseIp(text.slice(text.lastIndexOf('/') + 1));
  const [namespace, hostname] = text.split('/');
  return {
    ...(ip === null ? { hostname: { namespace, hostname } } : { address: networkAddress(text) }),
    hboneMtlsPort: hboneMtlsPort ?? 15008,
  };
}

function base64Ip(text: string): string {
  const ip = parseIp(text);
  if (ip === null) throw new TypeError(`${JSON.stringify(text)} is not an IP address`);
  return Buffer.from(ip.bytes).toString('base64');
}

function portList(ports: unknown): readonly Fields[] {
  return Object.entries(fieldsOf(ports)).map(([servicePort, targetPort]) => ({
    servicePort: Number(servicePort),
    targetPort,
  }));
}

function readYaml(text: string): Result<Fields, string> {
  try {
    const value: unknown = parse(text);
    return value === null
      ? ok({})
      : isFields(value)
        ? ok(value)
        : err('want a mapping with workloads, services and policies');
  } catch (thrown) {
    return err(`not YAML: ${toError(thrown).message}`);
  }
}

function attempt(load: () => Result<unknown, string>): Result<unknown, string> {
  try {
    return load();
  } catch (thrown) {
    return err(toError(thrown).message);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
