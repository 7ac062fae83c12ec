import { hash } from 'node:crypto';
import type { Informer, Pod, TokenVerdict } from '@weft/kube';
import type { Clock } from '@weft/result';

export interface TokenReviewerOptions {
  readonly review: (token: string, audiences: readonly string[]) => Promise<TokenVerdict>;
  readonly audience: string;
  readonly pods: Pick<Informer<Pod>, 'on'>;
  readonly clock: Clock;
  /** Tokens remembered at most. Default 20000. */
  readonly capacity?: number;
}

interface Entry {
  readonly verdict: TokenVerdict;
  readonly untilMs: number;
  readonly podUid: string;
}

/** How long a token is good after the API server may have forgotten its service account. */
const LONGEST_MS = 60_000;
const DEFAULT_CAPACITY = 20_000;

/**
 * Reviews tokens, and remembers the good ones of live pods: at most 60 s, never past the token's own end, and not a moment
 * longer than the watch shows the pod alive. Refusals and tokens that are not bound to a pod are asked for every time. Tokens
 * are kept only as their SHA-256.
 */
export class TokenReviewer {
  readonly #entries = new Map<string, Entry>();
  readonly #keysByPod = new Map<string, Set<string>>();
  readonly #livePods = new Set<string>();
  readonly #underWay = new Map<string, Promise<TokenVerdict>>();

  constructor(private readonly options: TokenReviewerOptions) {
    options.pods.on({
      added: (pod) => this.#seen(pod),
      updated: (pod, old) => {
        if (old.metadata?.uid !== pod.metadata?.uid) this.#gone(old);
        this.#seen(pod);
      },
      deleted: (pod) => this.#gone(pod),
    });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Rejects while the API server cannot answer. Callers with the same token share one review. */
  verdict(token: string): Promise<TokenVerdict> {
    const key = hash('sha256', token, 'base64');
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.untilMs > this.options.clock.now()) return Promise.resolve(entry.verdict);
    if (entry !== undefined) this.#forget(key, entry);
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const review = this.#review(token, key).finally(() => {
      if (this.#underWay.get(key) === review) this.#underWay.delete(key);
    });
    this.#underWay.set(key, review);
    return review;
  }

  async #review(token: string, key: string): Promise<TokenVerdict> {
    const askedAtMs = this.options.clock.now();
    const verdict = await this.options.review(token, [this.options.audience]);
    const podUid = verdict.authenticated ? verdict.extra['authentication.kubernetes.io/pod-uid']?.[0] : undefined;
    const untilMs = Math.min(askedAtMs + LONGEST_MS, expiryOf(token));
    // Only if the pod lives now: it may have gone while the API server was asked.
    if (podUid !== undefined && this.#livePods.has(podUid)) this.#remember(key, { verdict, untilMs, podUid });
    return verdict;
  }

  #remember(key: string, entry: Entry): void {
    if (this.#entries.size >= (this.options.capacity ?? DEFAULT_CAPACITY)) {
      const [oldest] = this.#entries;
      if (oldest !== undefined) this.#forget(oldest[0], oldest[1]);
    }
    this.#entries.set(key, entry);
    const keys = this.#keysByPod.get(entry.podUid) ?? new Set();
    this.#keysByPod.set(entry.podUid, keys.add(key));
  }

  #forget(key: string, { podUid }: Entry): void {
    this.#entries.delete(key);
    const keys = this.#keysByPod.get(podUid);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysByPod.delete(podUid);
  }

  #seen(pod: Pod): void {
    const { uid, deletionTimestamp } = pod.metadata ?? {};
    const phase = pod.status?.phase;
    if (deletionTimestamp !== undefined || phase === 'Failed' || phase === 'Succeeded') this.#gone(pod);
    else if (uid !== undefined) this.#livePods.add(uid);
  }

  #gone({ metadata }: Pod): void {
    const uid = metadata?.uid ?? '';
    this.#livePods.delete(uid);
    // Whoever asks from now on must not get an answer that was on its way before.
    this.#underWay.clear();
    for (const key of this.#keysByPod.get(uid) ?? []) this.#entries.delete(key);
    this.#keysByPod.delete(uid);
  }
}

/** `exp` of a JWT in ms; the past for anything else. Not verified: it can only shorten how long we remember. */
function expiryOf(token: string): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp * 1000 : 0;
  } catch {
    return 0;
  }
}
