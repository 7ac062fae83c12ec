import { parseSocketAddress } from '@weft/ip';
import type { FromWorker, OutboundPlan } from '../dataplane/messages.js';
import { UNKNOWN_LOCAL_WORKLOAD } from '../local-workload-wait.js';
import { askMissing, MOST_ROUNDS } from '../state/ask-missing.js';
import type { DependencyIndex } from '../state/dependency-index.js';
import type { MeshState } from '../state/mesh-state.js';
import type { OnDemandAddresses } from '../state/on-demand-addresses.js';
import { stateKeys } from '../state/state-keys.js';
import { TrackingView } from '../state/tracking-view.js';
import type { Workload } from '../state/workload.js';
import type { OnDemandDnsMetrics } from '../telemetry/on-demand-dns-metrics.js';
import type { OnDemandNames } from './on-demand-names.js';
import { planOutbound } from './plan-outbound.js';
import { refusedPlan } from './refused-plan.js';
import type { RouteRefusal, RouteTarget } from './route-target.js';
import type { TargetLedger } from './target-ledger.js';
import { toOutboundPlan } from './to-outbound-plan.js';
import type { WaypointActivation } from './waypoint-activation.js';

export interface OutboundPlannerOptions {
  readonly state: MeshState;
  readonly names: OnDemandNames;
  readonly onDemandDns: OnDemandDnsMetrics;
  /** Null: there is no control plane that could start what is asleep. */
  readonly activation: WaypointActivation | null;
  /** Null: everything is subscribed, so what is not known does not exist. */
  readonly onDemand: OnDemandAddresses | null;
  /** Learns what each pod's plans were made of. */
  readonly dependencies: DependencyIndex;
  readonly ledger: TargetLedger;
  readonly workloadOf: (podUid: string) => Workload | null;
}

type PlanQuestion = Pick<Extract<FromWorker, { type: 'outboundPlanNeeded' }>, 'podUid' | 'destination'>;

/** Where a connection of a pod goes, once everything is known that decides it: addresses, names, whether a waypoint is awake. */
export class OutboundPlanner {
  constructor(private readonly options: OutboundPlannerOptions) {}

  /** Calls `answer` exactly once; at once if nothing has to be asked for. */
  plan(
    question: PlanQuestion,
    source: Workload | null,
    answer: (plan: OutboundPlan) => void,
    roundsLeft = MOST_ROUNDS,
  ): void {
    const { state, names, onDemand, onDemandDns, dependencies, ledger, workloadOf } = this.options;
    const { podUid } = question;
    const destination = parseSocketAddress(question.destination);
    if (destination === null) {
      answer({ kind: 'reject', reason: `unreadable destination ${question.destination}` });
      return;
    }
    if (source === null) {
      answer({ kind: 'reject', reason: UNKNOWN_LOCAL_WORKLOAD });
      return;
    }
    const view = new TrackingView(state, names);
    view.keys.add(stateKeys.workload(source.uid));
    const route = planOutbound(view, { source, destination });
    // Each round knows more than the one before: a service leads to its waypoint, that to its gateway, that to a name.
    const again = () => this.plan(question, workloadOf(podUid), answer, roundsLeft - 1);
    const refuse = (reason: string) => answer({ kind: 'reject', reason, flag: 'CONNECT' });
    if (askMissing(onDemand, view, { again, refuse, roundsLeft })) return;
    if (view.unresolved.size > 0 && roundsLeft > 0) {
      for (const hostname of view.unresolved) onDemandDns.asked(hostname, source);
      names.ask(view.unresolved, again);
      return;
    }
    dependencies.add(podUid, view.keys);
    const targetId = (target: RouteTarget) => ledger.add(podUid, target);
    if (route.ok) answer(toOutboundPlan(route.value, { source, random: Math.random, targetId }));
    else answer(this.#refusedOrHeld(route.error, refusedPlan(route.error, destination, targetId)));
  }

  /** Held: what it would go through is asleep, and somebody can be asked to start it. */
  #refusedOrHeld({ asleep = [] }: RouteRefusal, plan: ReturnType<typeof refusedPlan>): OutboundPlan {
    const { activation } = this.options;
    if (activation === null || asleep.length === 0) return plan;
    for (const key of asleep) activation.want(key);
    return { kind: 'hold', reason: `waypoint ${asleep.join(', ')} is asleep`, targetId: plan.targetId };
  }
}
