import { cidrContains, cidrOf, ipFromBytes, type Cidr, type IpAddress } from '@weft/ip';
import { err, ok, type Result } from '@weft/result';
import type { SpiffeId } from '@weft/spiffe';
import type { Address, Match, ServiceAccountMatch, StringMatch } from '@weft/xds/gen/mesh/security/authorization.js';

/** What a policy is evaluated against: one connection as the proxy at its destination sees it. */
export interface PolicyConnection {
  /** TCP peer; behind a waypoint or gateway, that one's address. */
  readonly sourceIp: IpAddress;
  /** The pod's own address. */
  readonly destinationIp: IpAddress;
  /** Where the application listens, never 15008. */
  readonly destinationPort: number;
  /** From the verified client certificate; null for plaintext. */
  readonly identity: SpiffeId | null;
}

export type ConnectionPredicate = (connection: PolicyConnection) => boolean;

/**
 * Compiles one match: every field that is set must hold, of its values any; of a `not` field's values none.
 * A match with no field set never holds. An error names the field that cannot be read.
 */
export function compileMatch(match: Match): Result<ConnectionPredicate, string> {
  const problems: string[] = [];
  const fields: ConnectionPredicate[] = [];
  const add = <T>(
    field: string,
    values: readonly T[],
    negated: boolean,
    compile: (values: readonly T[]) => Result<ConnectionPredicate, string>,
  ) => {
    if (values.length === 0) return;
    const compiled = compile(values);
    if (!compiled.ok) problems.push(`${field}: ${compiled.error}`);
    else fields.push(negated ? (connection) => !compiled.value(connection) : compiled.value);
  };
  add('namespaces', match.namespaces, false, anyNamespace);
  add('not_namespaces', match.notNamespaces, true, anyNamespace);
  add('principals', match.principals, false, anyPrincipal);
  add('not_principals', match.notPrincipals, true, anyPrincipal);
  add('source_ips', match.sourceIps, false, anySourceIp);
  add('not_source_ips', match.notSourceIps, true, anySourceIp);
  add('destination_ips', match.destinationIps, false, anyDestinationIp);
  add('not_destination_ips', match.notDestinationIps, true, anyDestinationIp);
  add('destination_ports', match.destinationPorts, false, anyPort);
  add('not_destination_ports', match.notDestinationPorts, true, anyPort);
  add('service_accounts', match.serviceAccounts, false, anyServiceAccount);
  add('not_service_accounts', match.notServiceAccounts, true, anyServiceAccount);
  if (problems.length > 0) return err(problems.join(', '));
  return ok(fields.length === 0 ? () => false : allOf(fields));
}

/** All hold; a single one is taken as it is, since thousands of policies are evaluated for a connection. */
export function allOf(predicates: readonly ConnectionPredicate[]): ConnectionPredicate {
  const [only, ...more] = predicates;
  if (only !== undefined && more.length === 0) return only;
  return (connection) => {
    for (const predicate of predicates) if (!predicate(connection)) return false;
    return true;
  };
}

/** At least one holds. */
export function anyOf(predicates: readonly ConnectionPredicate[]): ConnectionPredicate {
  const [only, ...more] = predicates;
  if (only !== undefined && more.length === 0) return only;
  return (connection) => {
    for (const predicate of predicates) if (predicate(connection)) return true;
    return false;
  };
}

function anyNamespace(matches: readonly StringMatch[]): Result<ConnectionPredicate, string> {
  const compiled = anyString(matches);
  if (!compiled.ok) return compiled;
  return ok(({ identity }) => compiled.value(identity?.namespace ?? ''));
}

/** Without an identity the answer is no, so that a `not_principals` with presence means "unauthenticated". */
function anyPrincipal(matches: readonly StringMatch[]): Result<ConnectionPredicate, string> {
  const compiled = anyString(matches);
  if (!compiled.ok) return compiled;
  return ok(({ identity }) => identity !== null && compiled.value(identity.text.slice('spiffe://'.length)));
}

function anyServiceAccount(matches: readonly ServiceAccountMatch[]): Result<ConnectionPredicate, string> {
  const wanted = new Set(matches.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`));
  return ok(({ identity }) => identity !== null && wanted.has(`${identity.namespace}/${identity.serviceAccount}`));
}

function anyPort(ports: readonly number[]): Result<ConnectionPredicate, string> {
  const wanted = new Set(ports);
  return ok(({ destinationPort }) => wanted.has(destinationPort));
}

function anySourceIp(addresses: readonly Address[]): Result<ConnectionPredicate, string> {
  const cidrs = compileCidrs(addresses);
  if (!cidrs.ok) return cidrs;
  return ok(({ sourceIp }) => cidrs.value.some((cidr) => cidrContains(cidr, sourceIp)));
}

function anyDestinationIp(addresses: readonly Address[]): Result<ConnectionPredicate, string> {
  const cidrs = compileCidrs(addresses);
  if (!cidrs.ok) return cidrs;
  return ok(({ destinationIp }) => cidrs.value.some((cidr) => cidrContains(cidr, destinationIp)));
}

function compileCidrs(addresses: readonly Address[]): Result<readonly Cidr[], string> {
  const cidrs: Cidr[] = [];
  for (const { address, length } of addresses) {
    const ip = ipFromBytes(address);
    if (ip === null) return err(`an address has ${address.length} bytes, want 4 or 16`);
    // An IPv4-mapped IPv6 network folds to the IPv4 one, as the addresses of connections do.
    const prefixLength = ip.bytes.length === 4 && address.length === 16 ? length - 96 : length;
    const cidr = cidrOf(ip, prefixLength);
    if (cidr === null) return err(`prefix length ${length} does not fit ${ip.text}`);
    cidrs.push(cidr);
  }
  return ok(cidrs);
}

/** Exact values in one set; the rest tried one by one. */
function anyString(matches: readonly StringMatch[]): Result<(text: string) => boolean, string> {
  const exact = new Set<string>();
  const others: ((text: string) => boolean)[] = [];
  for (const { matchType } of matches) {
    switch (matchType?.$case) {
      case undefined:
        return err('a string match has no type: want exact, prefix, suffix or presence');
      case 'exact':
        exact.add(matchType.value);
        break;
      case 'prefix':
        others.push((text) => text.startsWith(matchType.value));
        break;
      case 'suffix':
        others.push((text) => text.endsWith(matchType.value));
        break;
      case 'presence':
        others.push((text) => text !== '');
        break;
    }
  }
  return ok((text) => exact.has(text) || others.some((matches) => matches(text)));
}
