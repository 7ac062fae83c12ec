import { toError } from '@weft/result';
import type { Logger } from '@weft/runtime';
import {
  asList,
  asObject,
  asString,
  resourcesOfCrd,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { finalizersOf, formatTime, nameOf, shallowCopy, specOf, statusOf, type KubeObject } from '../kube-object.js';
import { mayGo } from '../objects/finish-deletion.js';
import type { TypeRules } from '../objects/write-context.js';
import type { WatchObjects } from '../serving/watch-objects.js';
import { invalid } from '../status-error.js';
import type { StoreChange } from '../storage/store.js';
import type { ObjectApi } from './object-api.js';
import { WorkQueue } from './work-queue.js';

export const CRD_BUCKET = 'customresourcedefinitions.apiextensions.k8s.io';
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';
const CRD = { group: 'apiextensions.k8s.io', kind: 'CustomResourceDefinition' };

const textList = (value: unknown): string[] => asList(value).filter((item): item is string => typeof item === 'string');

interface Names {
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
}

function namesOf(spec: JsonObject): Names {
  const names = asObject(spec['names']);
  const kind = asString(names['kind']);
  return {
    plural: asString(names['plural']),
    singular: asString(names['singular']) || kind.toLowerCase(),
    kind,
    listKind: asString(names['listKind']) || `${kind}List`,
    shortNames: textList(names['shortNames']),
  };
}

function condition(
  before: KubeObject | undefined,
  type: string,
  verdict: { ok: boolean; reason: string; message: string },
  now: string,
): JsonObject {
  const status = verdict.ok ? 'True' : 'False';
  const old = asList(asObject(before?.['status'])['conditions'])
    .map(asObject)
    .find((each) => each['type'] === type);
  const lastTransitionTime = old?.['status'] === status ? old['lastTransitionTime'] : now;
  return { type, status, lastTransitionTime, reason: verdict.reason, message: verdict.message };
}

/**
 * Serves what CustomResourceDefinitions define. A definition whose names are free is established in the same write that
 * stores it; one that is deleted takes its objects with it first.
 */
export class CustomResources implements TypeRules {
  readonly #queue: WorkQueue;
  #unwatch: () => void = () => undefined;

  constructor(
    private readonly api: () => ObjectApi,
    private readonly watches: WatchObjects,
    private readonly log: Logger,
  ) {
    this.#queue = new WorkQueue('custom resources', (name) => this.#reconcile(name), log);
  }

  start(): void {
    const { store } = this.api().context;
    for (const { object } of store.bucket(CRD_BUCKET).list()) this.#serve(object);
    this.#unwatch = store.onChange((change) => this.#changed(change));
    for (const { name } of store.bucket(CRD_BUCKET).list()) this.#queue.add(name);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    await this.#queue.stop();
  }

  settled(): Promise<void> {
    return this.#queue.settled();
  }

  beforeCreate(draft: KubeObject): void {
    draft.metadata.finalizers = [...new Set([...finalizersOf(draft), CLEANUP])];
    this.#decide(draft, undefined);
  }

  beforeUpdate(draft: KubeObject, live: KubeObject): void {
    this.#decide(draft, live);
  }

  /** Fills in names and status. */
  #decide(draft: KubeObject, live: KubeObject | undefined): void {
    const spec = specOf(draft);
    const strategy = asObject(spec['conversion'])['strategy'] ?? 'None';
    if (strategy !== 'None') {
      throw invalid(CRD, nameOf(draft), [
        {
          reason: 'FieldValueNotSupported',
          field: 'spec.conversion.strategy',
          message: `Unsupported value: ${JSON.stringify(strategy)}: supported values: "None"`,
        },
      ]);
    }
    const now = formatTime(this.api().context.now());
    const names = namesOf(spec);
    const clash = this.#clash(nameOf(draft), String(spec['group']), names);
    const accepted = clash === null;
    const wasEstablished = asList(asObject(live?.['status'])['conditions'])
      .map(asObject)
      .some((each) => each['type'] === 'Established' && each['status'] === 'True');
    const { shortNames, ...rest } = names;
    const categories = textList(asObject(spec['names'])['categories']);
    const stored = asList(spec['versions'])
      .map(asObject)
      .filter((version) => version['storage'] === true)
      .map((version) => String(version['name']));
    draft['spec'] = {
      ...spec,
      conversion: { strategy: 'None' },
      names: { ...asObject(spec['names']), singular: names.singular, listKind: names.listKind },
    };
    draft['status'] = {
      conditions: [
        condition(
          live,
          'NamesAccepted',
          {
            ok: accepted,
            reason: accepted ? 'NoConflicts' : clash.reason,
            message: accepted ? 'no conflicts found' : clash.message,
          },
          now,
        ),
        condition(
          live,
          'Established',
          accepted || wasEstablished
            ? { ok: true, reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
            : { ok: false, reason: 'NotAccepted', message: 'not all names are accepted' },
          now,
        ),
      ],
      acceptedNames: accepted
        ? {
            ...rest,
            ...(shortNames.length === 0 ? {} : { shortNames }),
            ...(categories.length === 0 ? {} : { categories }),
          }
        : { plural: '', kind: '' },
      storedVersions: [...new Set([...textList(asObject(live?.['status'])['storedVersions']), ...stored])],
    };
  }

  #clash(crdName: string, group: string, names: Names): { readonly reason: string; readonly message: string } | null {
    const others = this.api()
      .context.catalog.all()
      .filter((info) => info.group === group && `${info.plural}.${info.group}` !== crdName);
    const taken = (text: string): boolean =>
      others.some((info) => info.plural === text || info.singular === text || info.shortNames.includes(text));
    if (taken(names.plural))
      return { reason: 'PluralConflict', message: `${JSON.stringify(names.plural)} is already in use` };
    if (taken(names.singular))
      return { reason: 'SingularConflict', message: `${JSON.stringify(names.singular)} is already in use` };
    const short = names.shortNames.find(taken);
    if (short !== undefined)
      return { reason: 'ShortNamesConflict', message: `${JSON.stringify(short)} is already in use` };
    const kinds = (text: string): boolean => others.some((info) => info.kind === text || info.listKind === text);
    if (kinds(names.kind))
      return { reason: 'KindConflict', message: `${JSON.stringify(names.kind)} is already in use` };
    return kinds(names.listKind)
      ? { reason: 'ListKindConflict', message: `${JSON.stringify(names.listKind)} is already in use` }
      : null;
  }

  #changed({ bucket, type, stored }: StoreChange): void {
    if (bucket.key === CRD_BUCKET) {
      if (type === 'DELETED') this.#withdraw(stored.object);
      else this.#serve(stored.object);
      this.#queue.add(stored.name);
      return;
    }
    const definition = this.api().context.store.bucket(CRD_BUCKET).get('', bucket.key);
    if (type === 'DELETED' && definition?.object.metadata.deletionTimestamp !== undefined) this.#queue.add(bucket.key);
  }

  #serve(crd: KubeObject): void {
    const established = asList(statusOf(crd)['conditions'])
      .map(asObject)
      .some((each) => each['type'] === 'Established' && each['status'] === 'True');
    let resources: readonly ResourceInfo[] = [];
    try {
      resources = established ? resourcesOfCrd(crd) : [];
    } catch (thrown) {
      this.log.error({ err: toError(thrown), crd: nameOf(crd) }, 'custom resource cannot be served');
    }
    this.api().context.catalog.setCustom(nameOf(crd), resources);
  }

  #withdraw(crd: KubeObject): void {
    this.api().context.catalog.setCustom(nameOf(crd), []);
    this.watches.endAll(nameOf(crd));
  }

  async #reconcile(name: string): Promise<void> {
    const { store } = this.api().context;
    const live = store.bucket(CRD_BUCKET).get('', name);
    if (live === undefined) {
      await this.#freeNames();
      return;
    }
    if (live.object.metadata.deletionTimestamp === undefined || !finalizersOf(live.object).includes(CLEANUP)) return;
    await this.#empty(name);
    const after = store.bucket(CRD_BUCKET).get('', name);
    if (after === undefined || store.bucket(name).size > 0) return;
    const draft = shallowCopy(after.object);
    draft.metadata.finalizers = finalizersOf(draft).filter((finalizer) => finalizer !== CLEANUP);
    if (mayGo(draft, CRD_BUCKET)) store.remove(store.bucket(CRD_BUCKET), '', name);
    else store.put(store.bucket(CRD_BUCKET), draft);
  }

  async #empty(name: string): Promise<void> {
    const { store, catalog } = this.api().context;
    const info = catalog.findStored(name);
    if (info === undefined) return;
    for (const stored of store.bucket(name).list()) {
      if (stored.object.metadata.deletionTimestamp === undefined)
        await this.api().remove(info, stored.namespace, stored.name, {});
    }
  }

  /** Names of a deleted definition may be what another one waits for. */
  async #freeNames(): Promise<void> {
    const { store, catalog } = this.api().context;
    const info = catalog.findStored(CRD_BUCKET);
    if (info === undefined) return;
    for (const { object, name } of store.bucket(CRD_BUCKET).list()) {
      const refused = asList(statusOf(object)['conditions'])
        .map(asObject)
        .some((each) => each['type'] === 'NamesAccepted' && each['status'] === 'False');
      if (refused) await this.api().update(info, { namespace: '', name }, (live) => shallowCopy(live));
    }
  }
}
