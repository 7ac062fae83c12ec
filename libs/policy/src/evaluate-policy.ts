import { err, ok, type Result } from '@weft/result';
import { Action, Scope, type Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { allOf, anyOf, compileMatch, type ConnectionPredicate, type PolicyConnection } from './evaluate-match.js';

export type PolicyScope = 'global' | 'namespace' | 'workload-selector';

/** One `istio.security.Authorization`, checked and compiled once. */
export interface CompiledPolicy {
  /** `namespace/name`, as logs and `authorization_policies` name it. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  readonly scope: PolicyScope;
  readonly action: 'allow' | 'deny';
  readonly dryRun: boolean;
  /** Index of the first rule that matches, or null. */
  readonly matches: (connection: PolicyConnection) => number | null;
  readonly source: Authorization;
}

const SCOPES: Readonly<Record<number, PolicyScope>> = {
  [Scope.GLOBAL]: 'global',
  [Scope.NAMESPACE]: 'namespace',
  [Scope.WORKLOAD_SELECTOR]: 'workload-selector',
};
const ACTIONS: Readonly<Record<number, 'allow' | 'deny'>> = { [Action.ALLOW]: 'allow', [Action.DENY]: 'deny' };

/**
 * Compiles a policy: rules OR, clauses of a rule AND, matches of a clause OR. No rules never match, a rule without clauses
 * always does, and so does a clause without matches. The error says what cannot be read, for the NACK.
 */
export function compilePolicy(source: Authorization): Result<CompiledPolicy, string> {
  const scope = SCOPES[source.scope];
  if (scope === undefined) return err(`unknown scope ${source.scope}`);
  const action = ACTIONS[source.action];
  if (action === undefined) return err(`unknown action ${source.action}`);
  const rules: ConnectionPredicate[] = [];
  for (const [index, group] of source.groups.entries()) {
    const clauses: ConnectionPredicate[] = [];
    for (const { matches } of group.rules) {
      const compiled = compileClause(matches);
      if (!compiled.ok) return err(`rule ${index}: ${compiled.error}`);
      clauses.push(compiled.value);
    }
    rules.push(allOf(clauses));
  }
  const { name, namespace, dryRun } = source;
  const matches = (connection: PolicyConnection) => {
    for (let index = 0; index < rules.length; index++) if (rules[index]!(connection)) return index;
    return null;
  };
  return ok({ key: `${namespace}/${name}`, name, namespace, scope, action, dryRun, matches, source });
}

function compileClause(
  matches: Authorization['groups'][number]['rules'][number]['matches'],
): Result<ConnectionPredicate, string> {
  if (matches.length === 0) return ok(() => true);
  const alternatives: ConnectionPredicate[] = [];
  for (const match of matches) {
    const compiled = compileMatch(match);
    if (!compiled.ok) return compiled;
    alternatives.push(compiled.value);
  }
  return ok(anyOf(alternatives));
}
