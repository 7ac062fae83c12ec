import { nameOf, namespaceOf, shallowCopy, type KubeObject } from '../kube-object.js';

/** One version of one object. Immutable, so lists, watches and history share it; its JSON is made once, when first sent. */
export class Stored {
  readonly namespace: string;
  readonly name: string;
  #json: string | undefined;

  constructor(
    readonly object: KubeObject,
    readonly resourceVersion: number,
  ) {
    this.namespace = namespaceOf(object);
    this.name = nameOf(object);
  }

  get json(): string {
    return (this.#json ??= JSON.stringify(this.object));
  }

  /** The JSON without keeping it: for those who go through all objects. */
  toJson(): string {
    return this.#json ?? JSON.stringify(this.object);
  }

  /** The same content under another resourceVersion: what a watcher sees when the object left its view. */
  at(resourceVersion: number): Stored {
    const copy = shallowCopy(this.object);
    copy.metadata.resourceVersion = String(resourceVersion);
    return new Stored(copy, resourceVersion);
  }
}

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resourceVersion: number;
  /** The new version; for DELETED the last one, under the version of the deletion. */
  readonly stored: Stored;
  /** Absent only for ADDED. */
  readonly previous?: Stored;
}
