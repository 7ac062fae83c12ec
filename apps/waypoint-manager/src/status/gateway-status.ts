import { letsUnverifiedIn, type Verdict } from '@weft/gateway-api';
import { setCondition, type Condition, type KubeObject } from '@weft/kube';
import { formatProblem } from '@weft/mesh-api';
import { addressesOf, addressProblem, type GatewayAddress, type GatewayAddressesInput } from './gateway-addresses.js';
import { isBad } from './listener-set-status.js';
import type { ListenerStatus } from './listener-status.js';

export interface GatewayStatus {
  readonly addresses: readonly GatewayAddress[];
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
  readonly attachedListenerSets: number;
}

export interface GatewayStatusInput extends GatewayAddressesInput {
  /** Proxies that there should be, and those that are ready; null if nothing is run. */
  readonly proxies: { readonly wanted: number; readonly ready: number } | null;
  readonly listeners: readonly ListenerStatus[];
  readonly attachedListenerSets: number;
  /** Of what the Gateway itself refers to. */
  readonly resolvedRefs: Verdict;
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

function accepted({ result: { gateway, problem, asked }, listeners }: GatewayStatusInput): Verdict {
  const errors = gateway.problems.filter(({ severity }) => severity === 'error');
  if (gateway.spec === null || errors.length > 0)
    return { status: 'False', reason: 'Invalid', message: errors.slice(0, 5).map(formatProblem).join('; ') };
  if (problem !== null) return { status: 'False', ...problem };
  if (asked.unsupported !== null) return { status: 'False', reason: 'UnsupportedAddress', message: asked.unsupported };
  const bad = listeners.filter(isBad);
  if (bad.length === 0) return { status: 'True', reason: 'Accepted', message: 'Resource accepted' };
  const message = `listeners ${bad.map(({ name }) => name).join(', ')} are not valid; see their conditions`;
  const none = bad.length === listeners.length;
  return { status: none ? 'False' : 'True', reason: 'ListenersNotValid', message };
}

function programmed(input: GatewayStatusInput, addresses: readonly GatewayAddress[]): Verdict {
  const { result, proxies } = input;
  const not = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (result.problem?.reason === 'Invalid' || result.gateway.spec === null)
    return not('Invalid', result.problem?.message ?? 'the Gateway is not valid; see condition Accepted');
  if (result.kind.proxy === null)
    return { status: 'True', reason: 'Programmed', message: 'Nothing is run for a Gateway of another cluster' };
  const problem = addressProblem(input, addresses);
  if (problem !== null) return not(problem.reason, problem.message);
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
