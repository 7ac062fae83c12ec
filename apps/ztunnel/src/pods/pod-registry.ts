import { toError, type Clock } from '@weft/result';
import { formatSpiffeId } from '@weft/spiffe';
import type { FromWorker } from '../dataplane/messages.js';
import type { MeshState } from '../state/mesh-state.js';
import { identityOf, type Workload } from '../state/workload.js';
import type { PodHandler, PodInfo } from '../zds/zds-session.js';
import type { DataPlanePort } from './data-plane-port.js';

export interface Descriptors {
  duplicate(fd: number): number;
  close(fd: number): void;
  /** Equal for two descriptors of one network namespace. */
  identity(fd: number): string;
}

export interface PodRegistryOptions {
  readonly dataPlane: DataPlanePort;
  readonly state: MeshState;
  readonly descriptors: Descriptors;
  readonly clock: Clock;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly nodeName: string;
  readonly trustDomain: string;
  /** After any change of the pods or of who they are. */
  readonly onChanged: () => void;
  /** Listens for the pod's DNS; null: it is not captured. */
  readonly dns?: {
    /** Throws if it cannot; the pod is then not served. `netnsFd` is borrowed. Adding a known pod does nothing. */
    addPod(uid: string, netnsFd: number): void;
    removePod(uid: string): void;
  } | null;
  readonly onStarted?: (uid: string) => void;
  readonly onRemoved?: (uid: string) => void;
}

export interface Pod {
  readonly uid: string;
  readonly info: PodInfo;
  /** The last workload that the control plane had for it: a pod outlives its resource for a moment. */
  readonly workload: Workload | null;
  readonly identity: string;
  readonly state: 'starting' | 'up' | 'pending';
  /** ztunnel's own: nothing is captured there, and the agent does not know it. */
  readonly own: boolean;
}

interface Entry {
  readonly uid: string;
  readonly info: PodInfo;
  readonly netnsFd: number;
  readonly netns: string;
  workload: Workload | null;
  identity: string;
  podIps: string;
  state: Pod['state'];
  waiters: ((error: string | null) => void)[];
  cancelTimer: (() => void) | null;
  readonly own: boolean;
}

/** Its uid is not known to itself. */
const OWN_POD = 'ztunnel';
/** The agent waits 5 s for an answer. */
const START_DEADLINE_MS = 4000;
const RETRY_MS = 5000;

/**
 * The pods of this node that are in the mesh, from the agent's word to listeners in every worker. A pod that cannot be
 * started is reported, kept as pending and retried every 5 s. Owns one descriptor of each pod's network namespace.
 */
export class PodRegistry implements PodHandler {
  readonly #pods = new Map<string, Entry>();
  #draining = false;
  #orphaned = false;

  constructor(private readonly options: PodRegistryOptions) {}

  get(uid: string): Pod | null {
    return this.#pods.get(uid) ?? null;
  }

  all(): Iterable<Pod> {
    return this.#pods.values();
  }

  /** Uids of pods without listeners that somebody waits for. */
  pending(): readonly string[] {
    return [...this.#pods.values()].filter(({ state, own }) => state === 'pending' && !own).map(({ uid }) => uid);
  }

  /** From now on new pods are refused; removals still work. */
  drain(): void {
    this.#draining = true;
    for (const entry of this.#pods.values()) entry.cancelTimer?.();
  }

  /** No agent tells about removals any more: a pod whose workload is gone from the control plane is removed. */
  followControlPlane(): void {
    this.#orphaned = true;
    this.refresh();
  }

  /** Serves tunnels to this process's own pod, so that what it offers (metrics) can be had over mutual TLS. */
  addOwn(info: PodInfo, netnsFd: number): void {
    void this.#add(OWN_POD, info, netnsFd, true);
  }

  add(uid: string, info: PodInfo, netnsFd: number): Promise<string | null> {
    return this.#add(uid, info, netnsFd, false);
  }

  #add(uid: string, info: PodInfo, netnsFd: number, own: boolean): Promise<string | null> {
    const { descriptors } = this.options;
    if (this.#draining) {
      descriptors.close(netnsFd);
      return Promise.resolve('this ztunnel is draining');
    }
    const netns = descriptors.identity(netnsFd);
    const known = this.#pods.get(uid);
    if (known?.netns === netns) {
      descriptors.close(netnsFd);
      if (known.state === 'up') return Promise.resolve(null);
      return new Promise((resolve) => {
        known.waiters.push(resolve);
        if (known.state === 'pending') this.#start(known);
      });
    }
    // Not `remove`: its identity must not be dropped in between.
    if (known !== undefined) this.#discard(known);
    const { name, namespace, serviceAccount } = info;
    const entry: Entry = {
      uid,
      info: { name, namespace, serviceAccount: serviceAccount === '' ? 'default' : serviceAccount },
      netnsFd,
      netns,
      workload: null,
      identity: '',
      podIps: '',
      state: 'pending',
      waiters: [],
      cancelTimer: null,
      own,
    };
    this.#pods.set(uid, entry);
    this.#identify(entry);
    const answer = new Promise<string | null>((resolve) => entry.waiters.push(resolve));
    this.#start(entry);
    this.options.onChanged();
    return answer;
  }

  keep(uid: string): boolean {
    return this.#pods.has(uid);
  }

  remove(uid: string): void {
    const entry = this.#pods.get(uid);
    if (entry === undefined) return;
    this.#discard(entry);
    this.options.onChanged();
  }

  retain(uids: ReadonlySet<string>): void {
    for (const { uid, own } of [...this.#pods.values()]) if (!own && !uids.has(uid)) this.remove(uid);
  }

  podAdded({ podUid }: Extract<FromWorker, { type: 'podAdded' }>): void {
    const entry = this.#pods.get(podUid);
    if (entry?.state !== 'starting') return;
    entry.state = 'up';
    this.#settle(entry, null);
    this.options.log.info(fieldsOf(entry), 'pod added');
    this.options.onStarted?.(entry.uid);
    this.options.onChanged();
  }

  podFailed({ podUid, error }: Extract<FromWorker, { type: 'podFailed' }>): void {
    const entry = this.#pods.get(podUid);
    if (entry?.state === 'starting') this.#failed(entry, error);
  }

  /** Looks up every pod's workload again; returns the uids of the pods whose workload is another than before. */
  refresh(): readonly string[] {
    const changed: string[] = [];
    for (const entry of [...this.#pods.values()]) {
      if (this.#orphaned && !entry.own && this.#vanished(entry)) {
        this.remove(entry.uid);
        continue;
      }
      if (!this.#identify(entry)) continue;
      changed.push(entry.uid);
      const { uid: podUid, identity: sourceIdentity, workload } = entry;
      const podIps = (workload?.addresses ?? []).map(({ text }) => text);
      const key = `${sourceIdentity} ${podIps.join()}`;
      if (key === entry.podIps) continue;
      entry.podIps = key;
      this.options.dataPlane.send({ type: 'updatePod', podUid, podIps, sourceIdentity });
    }
    return changed;
  }

  #vanished(entry: Entry): boolean {
    const { state, nodeName } = this.options;
    return entry.workload !== null && state.localWorkload(entry.info, nodeName) === null;
  }

  /** True if the workload is another than before. */
  #identify(entry: Entry): boolean {
    const { state, nodeName, trustDomain } = this.options;
    const workload = state.localWorkload(entry.info, nodeName) ?? entry.workload;
    if (workload === entry.workload && entry.identity !== '') return false;
    entry.workload = workload;
    const { namespace, serviceAccount } = entry.info;
    entry.identity = workload === null ? formatSpiffeId(trustDomain, namespace, serviceAccount) : identityOf(workload);
    return true;
  }

  #start(entry: Entry): void {
    const { dataPlane, descriptors, clock, dns } = this.options;
    entry.cancelTimer?.();
    entry.state = 'starting';
    try {
      if (!entry.own) dns?.addPod(entry.uid, entry.netnsFd);
    } catch (cause) {
      this.#failed(entry, `DNS: ${toError(cause).message}`);
      return;
    }
    const podIps = (entry.workload?.addresses ?? []).map(({ text }) => text);
    entry.podIps = `${entry.identity} ${podIps.join()}`;
    entry.cancelTimer = clock.after(START_DEADLINE_MS, () =>
      this.#failed(entry, 'the data plane did not answer within 4 s'),
    );
    const netnsFd = descriptors.duplicate(entry.netnsFd);
    dataPlane.send({
      type: 'addPod',
      podUid: entry.uid,
      netnsFd,
      podIps,
      sourceIdentity: entry.identity,
      ...(entry.own ? { listeners: 'hbone' } : {}),
    });
  }

  #failed(entry: Entry, error: string): void {
    const { dataPlane, clock, log, dns } = this.options;
    dataPlane.send({ type: 'removePod', podUid: entry.uid });
    dns?.removePod(entry.uid);
    entry.state = 'pending';
    log.warn({ ...fieldsOf(entry), error }, 'pod could not be started; retrying in 5 s');
    this.#settle(entry, `cannot serve pod ${entry.info.namespace}/${entry.info.name}: ${error}`);
    if (!this.#draining) entry.cancelTimer = clock.after(RETRY_MS, () => this.#start(entry));
    this.options.onChanged();
  }

  #discard(entry: Entry): void {
    const { dataPlane, descriptors, log, dns, onRemoved } = this.options;
    this.#pods.delete(entry.uid);
    this.#settle(entry, 'the pod was removed meanwhile');
    dataPlane.send({ type: 'removePod', podUid: entry.uid });
    dns?.removePod(entry.uid);
    descriptors.close(entry.netnsFd);
    log.info(fieldsOf(entry), 'pod removed');
    onRemoved?.(entry.uid);
  }

  #settle(entry: Entry, error: string | null): void {
    entry.cancelTimer?.();
    entry.cancelTimer = null;
    for (const resolve of entry.waiters.splice(0)) resolve(error);
  }
}

function fieldsOf({ uid, info, identity }: Entry): object {
  return { 'pod.uid': uid, 'pod.name': info.name, 'pod.namespace': info.namespace, identity };
}
