import type { AuthorizationPolicy } from '@weft/mesh-api';
import { RBAC as HttpRbac } from '@weft/xds/gen/envoy/extensions/filters/http/rbac/v3/rbac.js';
import { RBAC as NetworkRbac } from '@weft/xds/gen/envoy/extensions/filters/network/rbac/v3/rbac.js';
import { filter } from '../messages/extension.js';
import type { Providers } from '../providers/provider-lookup.js';
import { httpExtAuthz, tcpExtAuthz } from './ext-authz.js';
import { rbac, type RbacDraft } from './rbac-rules.js';

const HTTP_RBAC = 'envoy.filters.http.rbac';
const TCP_RBAC = 'envoy.filters.network.rbac';
const PREFIX = 'istio-ext-authz-';

type Policies = readonly AuthorizationPolicy[];

/** The CUSTOM policies of one provider. */
interface Asking {
  readonly provider: string;
  readonly policies: Policies;
  /** Begins the keys under which the rules leave what they matched; one for each provider, so that several can be asked. */
  readonly statPrefix: string;
}

/**
 * Requests that rules of CUSTOM policies match are decided by a server: the rules run as a shadow and leave the name of the
 * one that matched, and the asking filter is on for those names only. A provider that is not there denies what its rules match.
 *
 * @see https://istio.io/latest/docs/tasks/security/authorization/authz-custom/
 */
export function customFilters(policies: Policies, providers: Providers) {
  return askingOf(policies).flatMap((asking) => {
    const ask = httpExtAuthz(asking.provider, providers, enabledBy(HTTP_RBAC, asking));
    if (ask === null) return [filter(HTTP_RBAC, HttpRbac, { rules: denied(asking, 'http') })];
    const shadowRules = shadow(asking, 'http');
    return [filter(HTTP_RBAC, HttpRbac, { shadowRules, shadowRulesStatPrefix: asking.statPrefix }), ask];
  });
}

/** The same for connections. What can only be asked about requests denies: Istio lets such connections through. */
export function customTcpFilters(policies: Policies, providers: Providers) {
  const statPrefix = 'tcp.';
  return askingOf(policies).flatMap((asking) => {
    const ask = tcpExtAuthz(asking.provider, providers, enabledBy(TCP_RBAC, asking));
    if (ask === null) return [filter(TCP_RBAC, NetworkRbac, { statPrefix, rules: denied(asking, 'tcp') })];
    const shadowRules = shadow(asking, 'tcp');
    return [filter(TCP_RBAC, NetworkRbac, { statPrefix, shadowRules, shadowRulesStatPrefix: asking.statPrefix }), ask];
  });
}

function askingOf(policies: Policies): readonly Asking[] {
  const byProvider = new Map<string, AuthorizationPolicy[]>();
  for (const policy of policies) {
    if (policy.spec?.action !== 'CUSTOM') continue;
    const provider = policy.spec.provider ?? '';
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), policy]);
  }
  return [...byProvider]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([provider, own]) => ({
      provider,
      policies: own,
      statPrefix: byProvider.size === 1 ? 'istio_ext_authz_' : `istio_ext_authz_${provider}_`,
    }));
}

const shadow = ({ provider, policies }: Asking, stack: 'http' | 'tcp'): RbacDraft =>
  rbac(policies, 'CUSTOM', stack, { prefix: `${PREFIX}${provider}-` })!;

const denied = ({ provider, policies }: Asking, stack: 'http' | 'tcp'): RbacDraft =>
  rbac(policies, 'CUSTOM', stack, { prefix: `${PREFIX}${provider}-`, suffix: '-deny-due-to-bad-CUSTOM-action' })!;

/** Holds when a rule of the provider matched. */
function enabledBy(filterName: string, { provider, statPrefix }: Asking) {
  return {
    filter: filterName,
    path: [{ segment: { $case: 'key' as const, value: `${statPrefix}shadow_effective_policy_id` } }],
    value: {
      matchPattern: {
        $case: 'stringMatch' as const,
        value: { matchPattern: { $case: 'prefix' as const, value: `${PREFIX}${provider}-` } },
      },
    },
  };
}
