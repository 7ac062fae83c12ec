import { formatSocketAddress } from '@weft/ip';
import type { InboundContext, InboundVerdict } from '../dataplane/messages.js';
import { UNKNOWN_LOCAL_WORKLOAD } from '../local-workload-wait.js';
import { askMissing, MOST_ROUNDS } from '../state/ask-missing.js';
import { formatBaggage } from '../state/baggage.js';
import type { DependencyIndex } from '../state/dependency-index.js';
import type { MeshState } from '../state/mesh-state.js';
import type { OnDemandAddresses } from '../state/on-demand-addresses.js';
import { stateKeys } from '../state/state-keys.js';
import { TrackingView } from '../state/tracking-view.js';
import type { Workload } from '../state/workload.js';
import type { AccessLogger } from '../telemetry/access-log.js';
import { judgeInbound, type Admission } from './judge-inbound.js';

export interface InboundSettings {
  readonly preserveSource: boolean;
  readonly responseBaggage: boolean;
  /** PROXY application tunnels are delivered on loopback. */
  readonly localhostTunnel: boolean;
  /** Policy decisions at info instead of debug. */
  readonly logPolicyDecisions: boolean;
}

export interface InboundVerdictsOptions {
  readonly state: MeshState;
  /** Null: everything is subscribed, so what is not known does not exist. */
  readonly onDemand: OnDemandAddresses | null;
  /** Learns what each pod's verdicts were made of. */
  readonly dependencies: DependencyIndex;
  readonly workloadOf: (podUid: string) => Workload | null;
  /** Whether it is ztunnel's own pod. */
  readonly isOwn: (podUid: string) => boolean;
  /** Of everything that a verdict may depend on. */
  readonly revision: () => number;
  readonly settings: InboundSettings;
  readonly log: AccessLogger;
}

const MOST_WARNED = 10_000;

/** Whether a connection to a pod of this node may be made, and how, once everything is known that decides it. */
export class InboundVerdicts {
  /** `<workload> <policy>` */
  readonly #warned = new Set<string>();
  #trustDomains: ReadonlySet<string> = new Set();

  constructor(private readonly options: InboundVerdictsOptions) {}

  /** All names of this mesh. */
  trustDomainsChanged(names: ReadonlySet<string>): void {
    this.#trustDomains = names;
  }

  /** Calls `answer` exactly once; at once if nothing has to be asked for. */
  decide(
    context: InboundContext,
    local: Workload | null,
    answer: (verdict: InboundVerdict) => void,
    roundsLeft = MOST_ROUNDS,
  ): void {
    const refuse = (reason: string) => answer({ kind: 'deny', status: 503, reason });
    if (local === null) {
      refuse(UNKNOWN_LOCAL_WORKLOAD);
      return;
    }
    const { state, onDemand, workloadOf } = this.options;
    const view = new TrackingView(state);
    const verdict = this.#judge(view, context, local);
    const again = () => this.decide(context, workloadOf(context.podUid), answer, roundsLeft - 1);
    if (!askMissing(onDemand, view, { again, refuse, roundsLeft })) answer(verdict);
  }

  #judge(view: TrackingView, context: InboundContext, local: Workload): InboundVerdict {
    const { dependencies, settings, log } = this.options;
    view.keys.add(stateKeys.workload(local.uid));
    const isSameMesh = (own: string, theirs: string) =>
      own === theirs || (this.#trustDomains.has(own) && this.#trustDomains.has(theirs));
    const admission = judgeInbound(view, local, context, { ...settings, isSameMesh });
    dependencies.add(context.podUid, view.keys);
    const level = settings.logPolicyDecisions ? 'info' : 'debug';
    const fields = {
      'src.addr': context.source,
      'src.identity': context.peerIdentity ?? 'none',
      'dst.workload': local.uid,
    };
    if (!admission.ok) {
      log[level]({ ...fields, reason: admission.error.reason }, 'inbound refused');
      return { kind: 'deny', ...admission.error };
    }
    const { decision, unknownPolicies } = admission.value;
    this.#warnUnknown(local, unknownPolicies);
    log[level]({ ...fields, allowedBy: decision.hit?.policy, dryRun: decision.dryRun ?? undefined }, 'inbound allowed');
    return this.#allow(context, local, admission.value);
  }

  #allow({ podUid, transport }: InboundContext, local: Workload, { application }: Admission): InboundVerdict {
    const { isOwn, revision, settings } = this.options;
    const { dial, preserveSource, proxyHeader } = application;
    return {
      kind: 'allow',
      revision: revision(),
      dial: formatSocketAddress(dial),
      preserveSource: preserveSource && settings.preserveSource && !isOwn(podUid),
      ...(proxyHeader === null ? {} : { proxyHeader }),
      ...(settings.responseBaggage && transport === 'hbone' ? { baggage: formatBaggage(local) } : {}),
    };
  }

  #warnUnknown(local: Workload, names: readonly string[]): void {
    for (const policy of names) {
      const key = `${local.uid} ${policy}`;
      if (this.#warned.has(key)) continue;
      if (this.#warned.size > MOST_WARNED) this.#warned.clear();
      this.#warned.add(key);
      this.options.log.warn(
        { workload: local.uid, policy },
        'workload names a policy that is not known; it is skipped',
      );
    }
  }
}
