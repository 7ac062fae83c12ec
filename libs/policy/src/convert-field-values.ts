import { parseCidr } from '@weft/ip';
import { type Address, type ServiceAccountMatch, StringMatch } from '@weft/xds/gen/mesh/security/authorization.js';

/** Values as an AuthorizationPolicy writes them, to `istio.security` ones. What cannot be read is left out: the caller has its problem already. */

/** `*` means any non-empty text, a leading or trailing `*` a suffix or prefix. */
export function stringMatches(values: readonly string[]): StringMatch[] {
  return values.map((value) => StringMatch.fromPartial({ matchType: matchTypeOf(value) }));
}

function matchTypeOf(value: string): NonNullable<StringMatch['matchType']> {
  if (value === '*') return { $case: 'presence', value: { $type: 'google.protobuf.Empty' } };
  if (value.startsWith('*')) return { $case: 'suffix', value: value.slice(1) };
  if (value.endsWith('*')) return { $case: 'prefix', value: value.slice(0, -1) };
  return { $case: 'exact', value };
}

export function addresses(values: readonly string[]): Address[] {
  return values.flatMap((value) => {
    const cidr = parseCidr(value);
    if (cidr === null) return [];
    return [
      { $type: 'istio.security.Address' as const, address: Buffer.from(cidr.base.bytes), length: cidr.prefixLength },
    ];
  });
}

export function ports(values: readonly string[]): number[] {
  return values.map(Number).filter((port) => Number.isInteger(port) && port > 0 && port <= 65_535);
}

/** A bare name means a service account of the policy's namespace. */
export function serviceAccounts(values: readonly string[], policyNamespace: string): ServiceAccountMatch[] {
  return values.map((value) => {
    const slash = value.indexOf('/');
    return {
      $type: 'istio.security.ServiceAccountMatch' as const,
      namespace: slash < 0 ? policyNamespace : value.slice(0, slash),
      serviceAccount: value.slice(slash + 1),
    };
  });
}
