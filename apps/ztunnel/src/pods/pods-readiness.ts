import type { Readiness } from '@weft/runtime';

/** The task of readiness that waits for the pods, by its name in Istio's ztunnel. */
export const WORKLOAD_PROXIES = 'workload proxy manager';

/** Ready while the CNI agent has said all pods of the node, and each of them is served. */
export class PodsReadiness {
  #agentSynced = false;

  constructor(
    private readonly readiness: Readiness,
    private readonly pending: () => readonly string[],
  ) {}

  agentSynced(complete: boolean): void {
    this.#agentSynced = complete;
    this.podsChanged();
  }

  podsChanged(): void {
    if (this.#agentSynced && this.pending().length === 0) this.readiness.done(WORKLOAD_PROXIES);
    else this.readiness.pend(WORKLOAD_PROXIES);
  }
}
