/** More keys than this from one pod (a port scan, say) count as "depends on everything". */
const MOST_KEYS = 20_000;

/**
 * Which pods' cached answers depend on which parts of the mesh. Asking what a change affects also forgets those pods, since
 * their answers are dropped then.
 */
export class DependencyIndex {
  readonly #podsByKey = new Map<string, Set<string>>();
  readonly #keysByPod = new Map<string, Set<string>>();
  readonly #dependOnAll = new Set<string>();

  add(podUid: string, keys: Iterable<string>): void {
    if (this.#dependOnAll.has(podUid)) return;
    let ofPod = this.#keysByPod.get(podUid);
    if (ofPod === undefined) this.#keysByPod.set(podUid, (ofPod = new Set()));
    for (const key of keys) {
      if (ofPod.has(key)) continue;
      ofPod.add(key);
      const pods = this.#podsByKey.get(key);
      if (pods === undefined) this.#podsByKey.set(key, new Set([podUid]));
      else pods.add(podUid);
    }
    if (ofPod.size <= MOST_KEYS) return;
    this.forget(podUid);
    this.#dependOnAll.add(podUid);
  }

  /** Pods with an answer that depends on one of the keys. */
  takeAffected(keys: ReadonlySet<string>): ReadonlySet<string> {
    const affected = new Set<string>();
    if (keys.size > 0) for (const podUid of this.#dependOnAll) affected.add(podUid);
    for (const key of keys) for (const podUid of this.#podsByKey.get(key) ?? []) affected.add(podUid);
    for (const podUid of affected) this.forget(podUid);
    return affected;
  }

  forget(podUid: string): void {
    this.#dependOnAll.delete(podUid);
    for (const key of this.#keysByPod.get(podUid) ?? []) {
      const pods = this.#podsByKey.get(key);
      pods?.delete(podUid);
      if (pods?.size === 0) this.#podsByKey.delete(key);
    }
    this.#keysByPod.delete(podUid);
  }
}
