import { isDeepStrictEqual } from 'node:util';
import type { Informer, KubeClient, KubeObject } from '@weft/kube';
import { LABEL_MANAGED, OBJECT_TYPES, type DesiredObject } from './desired-objects.js';
import { PARAMETER_KEYS, type ParameterKey } from './parameters.js';

export const FIELD_MANAGER = 'weft-waypoint-manager';

export type OwnedInformers = Readonly<Record<ParameterKey, Informer<KubeObject>>>;

export interface ApplyOutcome {
  /** Objects that somebody else made under the same name: never touched. */
  readonly foreign: readonly string[];
}

interface Applied {
  readonly desired: KubeObject;
  readonly uid: string | undefined;
  readonly state: unknown;
}

/**
 * Brings the objects of a Gateway to the server. One that is as we left it, and as we still want it, is not written again; one
 * that was changed by hand is.
 */
export class ObjectApplier {
  readonly #applied = new Map<string, Applied>();

  constructor(
    private readonly kube: Pick<KubeClient, 'apply' | 'get' | 'delete'>,
    private readonly owned: OwnedInformers,
    private readonly onWrite: (kind: string) => void,
  ) {}

  async apply(
    gateway: { readonly uid: string; readonly namespace: string },
    desired: readonly DesiredObject[],
  ): Promise<ApplyOutcome> {
    const foreign: string[] = [];
    for (const one of desired) if (!(await this.#applyOne(one))) foreign.push(nameOf(one));
    for (const key of PARAMETER_KEYS) {
      if (!desired.some((one) => one.key === key)) await this.#deleteOwned(gateway, key, null);
      else await this.#deleteOwned(gateway, key, desired.find((one) => one.key === key)!.object.metadata!.name!);
    }
    return { foreign };
  }

  forget(namespace: string, name: string): void {
    for (const key of PARAMETER_KEYS) this.#applied.delete(`${key} ${namespace}/${name}`);
  }

  /** False: the object is not ours. */
  async #applyOne({ key, object }: DesiredObject): Promise<boolean> {
    const { namespace, name } = object.metadata!;
    const id = `${key} ${namespace!}/${name!}`;
    const live = this.owned[key].get(namespace, name!);
    const last = this.#applied.get(id);
    if (live !== undefined && last !== undefined && isSame(last, object, live)) return true;
    if (live === undefined) {
      const existing = await this.kube.get(OBJECT_TYPES[key], namespace, name!);
      if (existing !== null && existing.metadata?.labels?.[LABEL_MANAGED] === undefined) return false;
    }
    const type = OBJECT_TYPES[key];
    const written: KubeObject = await this.kube.apply(type, object, { fieldManager: FIELD_MANAGER, force: true });
    this.onWrite(type.kind);
    this.#applied.set(id, { desired: object, uid: written.metadata?.uid, state: stateOf(written) });
    return true;
  }

  /** Deletes what the Gateway owns of a kind, but for the one of that name: it was renamed, or is no longer asked for. */
  async #deleteOwned(
    gateway: { readonly uid: string; readonly namespace: string },
    key: ParameterKey,
    keep: string | null,
  ): Promise<void> {
    for (const { metadata } of this.owned[key].list()) {
      const { name = '', namespace, uid, ownerReferences } = metadata ?? {};
      if (namespace !== gateway.namespace || name === keep) continue;
      if (!ownerReferences?.some((owner) => owner.uid === gateway.uid)) continue;
      await this.kube.delete(OBJECT_TYPES[key], namespace, name, {
        propagationPolicy: 'Background',
        ...(uid !== undefined && { preconditions: { uid } }),
      });
      this.#applied.delete(`${key} ${namespace}/${name}`);
    }
  }
}

const nameOf = ({ key, object }: DesiredObject): string =>
  `${OBJECT_TYPES[key].kind} ${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;

function isSame(last: Applied, desired: KubeObject, live: KubeObject): boolean {
  return (
    last.uid === live.metadata?.uid &&
    isDeepStrictEqual(last.desired, desired) &&
    isDeepStrictEqual(last.state, stateOf(live))
  );
}

/** All but the status and what changes with every write. */
function stateOf(object: KubeObject): unknown {
  const { metadata, ...rest } = object as KubeObject & Record<string, unknown>;
  const { labels, annotations, ownerReferences } = metadata ?? {};
  const content = Object.fromEntries(
    Object.entries(rest).filter(([key]) => key !== 'status' && key !== 'kind' && key !== 'apiVersion'),
  );
  return { labels, annotations, ownerReferences, content };
}
