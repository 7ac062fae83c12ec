import { letsUnverifiedIn, type Verdict } from '@weft/gateway-api';
import { setCondition, type Condition, type KubeObject, type KubeService } from '@weft/kube';
import { formatProblem } from '@weft/mesh-api';
import type { GatewayResult } from '../gateway-reconciler.js';
import { isBad } from './listener-set-status.js';
import type { ListenerStatus } from './listener-status.js';

export interface GatewayAddress {
  readonly type: 'IPAddress' | 'Hostname';
  readonly value: string;
}

export interface GatewayStatus {
  readonly addresses: readonly GatewayAddress[];
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
  readonly attachedListenerSets: number;
}

export interface GatewayStatusInput {
  readonly result: GatewayResult;
  readonly service: KubeService | undefined;
  /** Proxies that there should be, and those that are ready; null if nothing is run. */
  readonly proxies: { readonly wanted: number; readonly ready: number } | null;
  readonly listeners: readonly ListenerStatus[];
  readonly attachedListenerSets: number;
  /** Of what the Gateway itself refers to. */
  readonly resolvedRefs: Verdict;
  readonly clusterDomain: string;
  /** RFC 3339. */
  readonly now: string;
}

/** The status of a Gateway, complete. Times move only with what they speak of. */
export function gatewayStatus(input: GatewayStatusInput): GatewayStatus {
  const { result, listeners, now } = input;
  const addresses = addressesOf(input);
  const generation = result.object.metadata?.generation ?? 0;
  const existing = (result.object as KubeObject & { status?: { conditions?: Condition[] } }).status?.conditions ?? [];
  const verdicts: readonly (readonly [string, Verdict])[] = [
    ['Accepted', accepted(input)],
    ['Programmed', programmed(input, addresses)],
    ['ResolvedRefs', resolved(input)],
    ...(letsUnverifiedIn(result.gateway.spec?.tls) ? [['InsecureFrontendValidationMode', INSECURE] as const] : []),
  ];
  const ours = existing.filter(({ type }) => verdicts.some(([name]) => name === type));
  const conditions = verdicts.reduce<readonly Condition[]>(
    (all, [type, verdict]) => setCondition(all, { type, ...verdict, observedGeneration: generation }, now),
    ours,
  );
  return { addresses, conditions, listeners, attachedListenerSets: input.attachedListenerSets };
}

const INSECURE: Verdict = {
  status: 'True',
  reason: 'ConfigurationChanged',
  message: 'spec.tls.frontend: clients are let in that could not be verified; use mode AllowValidOnly',
};

function accepted({ result: { gateway, problem }, listeners }: GatewayStatusInput): Verdict {
  const errors = gateway.problems.filter(({ severity }) => severity === 'error');
  if (gateway.spec === null || errors.length > 0)
    return { status: 'False', reason: 'Invalid', message: errors.slice(0, 5).map(formatProblem).join('; ') };
  if (problem !== null) return { status: 'False', ...problem };
  const bad = listeners.filter(isBad);
  if (bad.length === 0) return { status: 'True', reason: 'Accepted', message: 'Resource accepted' };
  const message = `listeners ${bad.map(({ name }) => name).join(', ')} are not valid; see their conditions`;
  const none = bad.length === listeners.length;
  return { status: none ? 'False' : 'True', reason: 'ListenersNotValid', message };
}

function programmed({ result, service, proxies }: GatewayStatusInput, addresses: readonly GatewayAddress[]): Verdict {
  const not = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (result.problem?.reason === 'Invalid' || result.gateway.spec === null)
    return not('Invalid', result.problem?.message ?? 'the Gateway is not valid; see condition Accepted');
  if (result.kind.proxy === null)
    return { status: 'True', reason: 'Programmed', message: 'Nothing is run for a Gateway of another cluster' };
  if (result.workload === null && service === undefined && addresses.length === 0)
    return not('AddressNotUsable', 'spec.addresses name no Service of this cluster; correct them or leave them out');
  if (addresses.length === 0)
    return not(
      'AddressNotAssigned',
      `Service ${result.workload ?? ''} has no address yet; a load balancer has to give one`,
    );
  const shown = addresses.map(({ value }) => value).join(', ');
  if (result.scaling?.toZero === true && proxies?.wanted === 0)
    return { status: 'True', reason: 'Programmed', message: `Asleep; the first connection to ${shown} starts it` };
  if (result.workload !== null && (proxies?.ready ?? 0) === 0)
    return not(
      'Pending',
      result.pool === null
        ? `Deployment ${result.workload} has no ready pod yet`
        : 'no proxy of the pool serves for it yet; if that lasts, raise POOL_SIZE',
    );
  return { status: 'True', reason: 'Programmed', message: `Resource programmed, assigned to ${shown}` };
}

function resolved({ listeners, resolvedRefs }: GatewayStatusInput): Verdict {
  if (resolvedRefs.status === 'False') return resolvedRefs;
  const bad = listeners.filter(({ conditions }) =>
    conditions.some(({ type, status }) => type === 'ResolvedRefs' && status === 'False'),
  );
  if (bad.length === 0) return resolvedRefs;
  const message = `references of listeners ${bad.map(({ name }) => name).join(', ')} are not resolved; see their conditions`;
  return { status: 'False', reason: 'ListenersNotResolved', message };
}

/** Of a load balancer what it gave; else the name of the Service, which clients in the cluster resolve. */
function addressesOf({ result, service, clusterDomain }: GatewayStatusInput): readonly GatewayAddress[] {
  const asked = result.gateway.spec?.addresses ?? [];
  if (result.workload === null)
    return asked.flatMap(({ type, value }) =>
      value !== undefined && (type === 'IPAddress' || type === 'Hostname') ? [{ type, value }] : [],
    );
  if (service?.metadata === undefined) return [];
  if (service.spec?.type === 'LoadBalancer')
    return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): readonly GatewayAddress[] => {
      if (ip !== undefined) return [{ type: 'IPAddress', value: ip }];
      return hostname === undefined ? [] : [{ type: 'Hostname', value: hostname }];
    });
  const { name, namespace } = service.metadata;
  return [{ type: 'Hostname', value: `${name!}.${namespace!}.svc.${clusterDomain}` }];
}
