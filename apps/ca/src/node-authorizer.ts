import type { Informer, Pod } from '@weft/kube';
import { POOL_ACCOUNT, poolClaimOf } from '@weft/mesh-api';
import type { Clock } from '@weft/result';
import type { SpiffeId } from '@weft/spiffe';
import type { Caller } from './authentication/caller.js';
import type { CaConfig } from './config.js';

/** Why not; `early` if the watch may simply not have brought the pod yet. */
interface Refusal {
  readonly reason: string;
  readonly early: boolean;
}

/** How long a request waits for a pod that the watch has not brought yet. */
const PATIENCE_MS = 1000;
/** Waiting requests hold resources; beyond this a refusal is told at once. */
const MOST_WAITING = 32;

/** Pods by node and service account, kept from a watch so that a request costs no call to the API server. */
export class NodeAuthorizer {
  readonly #pods: Informer<Pod>;
  readonly #waiting = new Set<() => void>();
  readonly #accountsByNode = new Map<string, Map<string, number>>();
  /** Live pods of each service account, on any node. */
  readonly #live = new Map<string, number>();

  constructor(
    pods: Informer<Pod>,
    private readonly accounts: Pick<CaConfig, 'namespace' | 'trustedNodeAccounts' | 'registrationAccounts'>,
    private readonly clock: Clock,
  ) {
    this.#pods = pods;
    pods.on({
      added: (pod) => {
        this.#count(pod, 1);
        this.#wake();
      },
      updated: (pod, old) => {
        this.#count(old, -1);
        this.#count(pod, 1);
        this.#wake();
      },
      deleted: (pod) => this.#count(pod, -1),
    });
  }

  /**
   * May `caller` have a certificate for another identity? Another CA that answers for its own callers; a trusted node proxy, known by the live pod its token is
   * bound to, and only for a service account that runs on that pod's node; a proxy of the pool, for the account that it was claimed for. Null means yes; else the reason for the log.
   */
  refusal(caller: Caller, wanted: SpiffeId): string | null {
    return this.#judge(caller, wanted)?.reason ?? null;
  }

  /** Does a pod of this service account live on any node? */
  lives(namespace: string, serviceAccount: string): boolean {
    return this.#live.has(`${namespace}/${serviceAccount}`);
  }

  /** As `refusal`, but gives the watch a moment to bring a pod that has only just been started. */
  async settledRefusal(caller: Caller, wanted: SpiffeId): Promise<string | null> {
    const first = this.#judge(caller, wanted);
    if (first?.early !== true || this.#waiting.size >= MOST_WAITING) return first?.reason ?? null;
    return new Promise((resolve) => {
      const settle = (): void => {
        cancel();
        this.#waiting.delete(look);
        resolve(this.refusal(caller, wanted));
      };
      const look = (): void => {
        if (this.#judge(caller, wanted)?.early !== true) settle();
      };
      const cancel = this.clock.after(PATIENCE_MS, settle);
      this.#waiting.add(look);
    });
  }

  #judge(caller: Caller, wanted: SpiffeId): Refusal | null {
    const account = `${caller.namespace}/${caller.serviceAccount}`;
    const never = (reason: string): Refusal => ({ reason, early: false });
    const early = (reason: string): Refusal => ({ reason, early: true });
    // A certificate is no token: who holds one renews it and asks for nobody else.
    if (this.accounts.registrationAccounts.has(account) && caller.by !== 'certificate') return null;
    const isPool = account === `${this.accounts.namespace}/${POOL_ACCOUNT}`;
    if (!isPool && !this.accounts.trustedNodeAccounts.has(account))
      return never(`${account} may not ask for other identities`);
    if (caller.pod === undefined) return never(`the token of ${account} is not bound to a pod`);
    const named = `pod ${caller.namespace}/${caller.pod.name}`;
    const pod = this.#pods.get(caller.namespace, caller.pod.name);
    if (pod === undefined) return early(`${named} is not known`);
    if (pod.metadata?.uid !== caller.pod.uid) return never(`${named} is not the one the token was made for`);
    if (pod.spec?.serviceAccountName !== caller.serviceAccount) return never(`${named} does not run as ${account}`);
    if (isPool) return this.#judgePool(pod, wanted, named);
    const node = pod.spec.nodeName;
    if (!node) return early(`${named} is not on a node yet`);
    const runs = this.#accountsByNode.get(node)?.has(`${wanted.namespace}/${wanted.serviceAccount}`) ?? false;
    return runs ? null : early(`no pod of ${wanted.namespace}/${wanted.serviceAccount} runs on node ${node}`);
  }

  /** A proxy of the pool: in the name of the account that the claim on this very pod names, and of no other. */
  #judgePool(pod: Pod, wanted: SpiffeId, named: string): Refusal | null {
    if (pod.metadata?.deletionTimestamp !== undefined) return { reason: `${named} is being deleted`, early: false };
    const claim = poolClaimOf(pod, this.accounts.namespace);
    if (claim === null) return { reason: `${named} is claimed by no Gateway`, early: true };
    const isClaimed = claim.namespace === wanted.namespace && claim.serviceAccount === wanted.serviceAccount;
    const account = `${claim.namespace}/${claim.serviceAccount}`;
    return isClaimed ? null : { reason: `${named} is claimed in the name of ${account}`, early: false };
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #count(pod: Pod, by: 1 | -1): void {
    const node = pod.spec?.nodeName;
    const phase = pod.status?.phase;
    if (!node || phase === 'Failed' || phase === 'Succeeded') return;
    const account = `${pod.metadata?.namespace ?? ''}/${pod.spec?.serviceAccountName ?? 'default'}`;
    const accounts = this.#accountsByNode.get(node) ?? new Map<string, number>();
    this.#accountsByNode.set(node, accounts);
    add(accounts, account, by);
    add(this.#live, account, by);
    if (accounts.size === 0) this.#accountsByNode.delete(node);
  }
}

function add(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
