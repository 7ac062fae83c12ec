import type { Informer, Pod } from '@weft/kube';
import type { SpiffeId } from '@weft/spiffe';
import type { Caller } from './caller.js';

/** Pods by node and service account, kept from a watch so that a request costs no call to the API server. */
export class NodeAuthorizer {
  readonly #pods: Informer<Pod>;
  readonly #accountsByNode = new Map<string, Map<string, number>>();

  constructor(
    pods: Informer<Pod>,
    private readonly trustedNodeAccounts: ReadonlySet<string>,
  ) {
    this.#pods = pods;
    pods.on({
      added: (pod) => this.#count(pod, 1),
      updated: (pod, old) => {
        this.#count(old, -1);
        this.#count(pod, 1);
      },
      deleted: (pod) => this.#count(pod, -1),
    });
  }

  /**
   * May `caller` have a certificate for another identity? Only a trusted node proxy, known by the live pod its token is
   * bound to, and only for a service account that runs on that pod's node. Null means yes; else the reason for the log.
   */
  refusal(caller: Caller, wanted: SpiffeId): string | null {
    const account = `${caller.namespace}/${caller.serviceAccount}`;
    if (!this.trustedNodeAccounts.has(account)) return `${account} may not ask for other identities`;
    if (caller.pod === undefined) return `the token of ${account} is not bound to a pod`;
    const pod = this.#pods.get(caller.namespace, caller.pod.name);
    if (pod?.metadata?.uid !== caller.pod.uid)
      return `pod ${caller.namespace}/${caller.pod.name} is not the one the token was made for`;
    if (pod.spec?.serviceAccountName !== caller.serviceAccount)
      return `pod ${caller.namespace}/${caller.pod.name} does not run as ${account}`;
    const node = pod.spec.nodeName;
    if (!node) return `pod ${caller.namespace}/${caller.pod.name} is not on a node yet`;
    const runs = this.#accountsByNode.get(node)?.has(`${wanted.namespace}/${wanted.serviceAccount}`) ?? false;
    return runs ? null : `no pod of ${wanted.namespace}/${wanted.serviceAccount} runs on node ${node}`;
  }

  #count(pod: Pod, by: 1 | -1): void {
    const node = pod.spec?.nodeName;
    const phase = pod.status?.phase;
    if (!node || phase === 'Failed' || phase === 'Succeeded') return;
    const account = `${pod.metadata?.namespace ?? ''}/${pod.spec?.serviceAccountName ?? 'default'}`;
    const accounts = this.#accountsByNode.get(node) ?? new Map<string, number>();
    this.#accountsByNode.set(node, accounts);
    const count = (accounts.get(account) ?? 0) + by;
    if (count > 0) accounts.set(account, count);
    else accounts.delete(account);
    if (accounts.size === 0) this.#accountsByNode.delete(node);
  }
}
