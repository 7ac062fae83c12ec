import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationRule,
  AuthorizationSource,
} from '@weft/mesh-api';
import { Group, Match, Rules } from '@weft/xds/gen/mesh/security/authorization.js';
import { withTrustDomainAliases } from './trust-domain-aliases.js';
import { addresses, ports, serviceAccounts, stringMatches } from './convert-field-values.js';

type MatchFields = Partial<Omit<Match, '$type' | 'extensions'>>;

/** What is known of the rule besides its text. */
export interface RuleContext {
  readonly policyNamespace: string;
  readonly trustDomains: readonly string[];
  /** `spec.rules[0]` */
  readonly path: string;
  /** Something at or below this path could not be read. */
  readonly broken: (path: string) => boolean;
  /** A field that Layer 4 cannot decide, with its path. */
  readonly onLayer7: (path: string) => void;
}

/**
 * One rule as a DENY rule. `from`, `to` and each `when` become clauses, which are AND-ed.
 *
 * A field that could not be read is dropped, so that the rule denies more, never less; if nothing remains beside it, the
 * clause holds for everything. A Layer-7 field is dropped too, but what consists of Layer-7 fields only never matches: here
 * Layer 4 has nothing to decide by, and the policy's status says that a waypoint is needed.
 */
export function convertDenyRule(rule: AuthorizationRule, context: RuleContext): Group {
  const clauses: (readonly Match[] | 'anything')[] = [];
  if (rule.to) clauses.push(clauseOf(rule.to, `${context.path}.to`, context, operationFields));
  if (rule.from) clauses.push(clauseOf(rule.from, `${context.path}.from`, context, sourceFields));
  rule.when?.forEach((condition, i) => {
    const path = `${context.path}.when[${i}]`;
    clauses.push(
      context.broken(`${path}.key`) ? 'anything' : clauseOf([condition], path, context, conditionFields, true),
    );
  });
  return Group.fromPartial({
    rules: clauses.flatMap((matches) => (matches === 'anything' ? [] : [Rules.fromPartial({ matches: [...matches] })])),
  });
}

/** One rule as an ALLOW rule; null, which allows nothing, if any of it is broken or for Layer 7. */
export function convertAllowRule(rule: AuthorizationRule, context: RuleContext): Group | null {
  let complete = !context.broken(context.path);
  const group = convertDenyRule(rule, {
    ...context,
    onLayer7: (path) => {
      complete = false;
      context.onLayer7(path);
    },
  });
  return complete ? group : null;
}

type FieldsOf<T> = (item: T, path: string, context: RuleContext) => MatchFields;

/** `single`: the path names the only item itself. */
function clauseOf<T>(
  items: readonly T[],
  path: string,
  context: RuleContext,
  fieldsOf: FieldsOf<T>,
  single = false,
): readonly Match[] | 'anything' {
  const matches: Match[] = [];
  let anything = items.length === 0;
  items.forEach((item, i) => {
    const itemPath = single ? path : `${path}[${i}]`;
    const fields = fieldsOf(item, itemPath, context);
    if (Object.values(fields).every((values) => values.length === 0) && context.broken(itemPath)) anything = true;
    matches.push(Match.fromPartial(fields));
  });
  return anything ? 'anything' : matches;
}

const sourceFields: FieldsOf<AuthorizationSource> = (source, itemPath, context) => {
  const path = `${itemPath}.source`;
  const { policyNamespace, trustDomains } = context;
  const principals = (values: readonly string[]) => stringMatches(withTrustDomainAliases(values, trustDomains));
  const read = readerOf(source, path, context);
  for (const field of LAYER7_SOURCE) if (source[field]) context.onLayer7(`${path}.${field}`);
  return {
    principals: principals(read('principals')),
    notPrincipals: principals(read('notPrincipals')),
    namespaces: stringMatches(read('namespaces')),
    notNamespaces: stringMatches(read('notNamespaces')),
    sourceIps: addresses(read('ipBlocks')),
    notSourceIps: addresses(read('notIpBlocks')),
    serviceAccounts: serviceAccounts(read('serviceAccounts'), policyNamespace),
    notServiceAccounts: serviceAccounts(read('notServiceAccounts'), policyNamespace),
  };
};

/** remoteIpBlocks speaks of the client in front of proxies, known from headers only; a trust domain is no field of its own on the wire. */
const LAYER7_SOURCE = [
  'requestPrincipals',
  'notRequestPrincipals',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
  'trustDomains',
  'notTrustDomains',
] as const;
const LAYER7_OPERATION = ['hosts', 'notHosts', 'methods', 'notMethods', 'paths', 'notPaths'] as const;

const operationFields: FieldsOf<AuthorizationOperation> = (operation, itemPath, context) => {
  const path = `${itemPath}.operation`;
  const read = readerOf(operation, path, context);
  for (const field of LAYER7_OPERATION) if (operation[field]) context.onLayer7(`${path}.${field}`);
  return { destinationPorts: ports(read('ports')), notDestinationPorts: ports(read('notPorts')) };
};

/** The values of a field, or none if any of them is broken: a list read in part would deny less than was meant. */
function readerOf<F extends string>(
  lists: Readonly<Partial<Record<F, readonly string[]>>>,
  path: string,
  { broken }: RuleContext,
): (field: F) => readonly string[] {
  return (field) => (broken(`${path}.${field}`) ? [] : (lists[field] ?? []));
}

const conditionFields: FieldsOf<AuthorizationCondition> = ({ key, values, notValues }, path, context) => {
  const read = readerOf({ values, notValues }, path, context);
  const positive = read('values');
  const negative = read('notValues');
  switch (key) {
    case 'source.ip':
      return { sourceIps: addresses(positive), notSourceIps: addresses(negative) };
    case 'source.namespace':
      return { namespaces: stringMatches(positive), notNamespaces: stringMatches(negative) };
    case 'source.principal':
      return {
        principals: stringMatches(withTrustDomainAliases(positive, context.trustDomains)),
        notPrincipals: stringMatches(withTrustDomainAliases(negative, context.trustDomains)),
      };
    case 'source.serviceAccount':
      return {
        serviceAccounts: serviceAccounts(positive, context.policyNamespace),
        notServiceAccounts: serviceAccounts(negative, context.policyNamespace),
      };
    case 'destination.ip':
      return { destinationIps: addresses(positive), notDestinationIps: addresses(negative) };
    case 'destination.port':
      return { destinationPorts: ports(positive), notDestinationPorts: ports(negative) };
    default:
      context.onLayer7(`${path}.key`);
      return {};
  }
};
