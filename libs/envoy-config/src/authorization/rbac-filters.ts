import type { AuthorizationPolicy } from '@weft/mesh-api';
import { RBAC as HttpRbac } from '@weft/xds/gen/envoy/extensions/filters/http/rbac/v3/rbac.js';
import { RBAC as NetworkRbac } from '@weft/xds/gen/envoy/extensions/filters/network/rbac/v3/rbac.js';
import { filter } from '../messages/extension.js';
import { rbacRules, type RbacRules } from './rbac-rules.js';

type Policies = readonly AuthorizationPolicy[];

/** The order in which they decide; CUSTOM comes before: see `customFilters`. */
const ACTIONS = ['AUDIT', 'DENY', 'ALLOW'] as const;

const isEmpty = ({ enforced, dryRun }: RbacRules): boolean => enforced === null && dryRun === null;
const dryRunPrefix = (action: string): string => `istio_dry_run_${action.toLowerCase()}_`;

export function httpAuthorization(policies: Policies) {
  return ACTIONS.flatMap((action) => {
    const rules = rbacRules(policies, action, 'http');
    if (isEmpty(rules)) return [];
    return [
      filter('envoy.filters.http.rbac', HttpRbac, {
        ...(rules.enforced === null ? {} : { rules: rules.enforced }),
        ...(rules.dryRun === null ? {} : { shadowRules: rules.dryRun, shadowRulesStatPrefix: dryRunPrefix(action) }),
      }),
    ];
  });
}

/** Of connections whose bytes are not looked into. */
export function tcpAuthorization(policies: Policies) {
  return ACTIONS.flatMap((action) => {
    const rules = rbacRules(policies, action, 'tcp');
    if (isEmpty(rules)) return [];
    return [
      filter('envoy.filters.network.rbac', NetworkRbac, {
        statPrefix: 'tcp.',
        ...(rules.enforced === null ? {} : { rules: rules.enforced }),
        ...(rules.dryRun === null ? {} : { shadowRules: rules.dryRun, shadowRulesStatPrefix: dryRunPrefix(action) }),
      }),
    ];
  });
}
