import type { ResourceInfo } from '@weft/testing-kube-schema';

/** Events of both groups, for one, are one set of objects. */
const SHARED_STORAGE: Readonly<Record<string, string>> = { 'events.events.k8s.io': 'events' };

export const resourceKey = (info: { readonly group: string; readonly plural: string }): string =>
  info.group === '' ? info.plural : `${info.plural}.${info.group}`;

/** The bucket where objects of a resource live, whatever their version. */
export function storageKey(info: ResourceInfo): string {
  const key = resourceKey(info);
  return SHARED_STORAGE[key] ?? key;
}

/** What is served now: the built-in types and those that CustomResourceDefinitions add and take away while the server runs. */
export class TypeCatalog {
  readonly #byPath = new Map<string, ResourceInfo>();
  readonly #byKind = new Map<string, ResourceInfo>();
  #all: readonly ResourceInfo[];
  readonly #custom = new Map<string, readonly ResourceInfo[]>();
  /** Counts changes, so that documents made from the catalog can be cached. */
  generation = 0;

  constructor(private readonly builtins: readonly ResourceInfo[]) {
    this.#all = builtins;
    this.#index();
  }

  all(): readonly ResourceInfo[] {
    return this.#all;
  }

  find(group: string, version: string, plural: string): ResourceInfo | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  findKind(group: string, version: string, kind: string): ResourceInfo | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** Any served version of a stored resource. */
  findStored(key: string): ResourceInfo | undefined {
    return this.#all.find((info) => !info.virtual && storageKey(info) === key);
  }

  hasGroupVersion(group: string, version: string): boolean {
    return this.#all.some((info) => info.group === group && info.version === version);
  }

  /** Replaces what one CustomResourceDefinition serves; an empty list takes it away. */
  setCustom(crdName: string, resources: readonly ResourceInfo[]): void {
    if (resources.length === 0) this.#custom.delete(crdName);
    else this.#custom.set(crdName, resources);
    this.#all = [...this.builtins, ...[...this.#custom.values()].flat()];
    this.#index();
  }

  #index(): void {
    this.generation++;
    this.#byPath.clear();
    this.#byKind.clear();
    for (const info of this.#all) {
      this.#byPath.set(`${info.group}/${info.version}/${info.plural}`, info);
      if (!this.#byKind.has(`${info.group}/${info.version}/${info.kind}`)) {
        this.#byKind.set(`${info.group}/${info.version}/${info.kind}`, info);
      }
    }
  }
}
