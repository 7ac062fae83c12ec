import type { Registry } from 'prom-client';
import { isAlreadyExists, isNotFound } from './errors.js';
import { EventRecorder, type EventType } from './event-recorder.js';
import { HttpsTransport } from './https-transport.js';
import { Informer, type InformerOptions } from './informer.js';
import { SILENT, type KubeLog } from './kube-log.js';
import { loadConfigText, loadDefaultConfig } from './load-config.js';
import { MeteredTransport } from './metered-transport.js';
import { Reflector } from './reflector.js';
import { resourcePath, type KubeObject, type ResourceType } from './resource-type.js';
import { createToken, reviewToken, type TokenOptions, type TokenVerdict } from './tokens.js';
import type { KubeTransport } from './transport.js';

export interface KubeClientOptions {
  /** Names us in the user agent, in events and as the default field manager. Default `weft`. */
  readonly component?: string;
  readonly log?: KubeLog;
  readonly random?: () => number;
  /** Requests and watches are counted there. */
  readonly registry?: Registry;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListResult<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

export interface PatchOptions {
  readonly kind: 'merge' | 'json' | 'strategic';
  readonly subresource?: string;
}

export interface ApplyOptions {
  readonly fieldManager: string;
  /** Takes over fields that another manager owns; without it such a conflict is a KubeApiError with status 409. */
  readonly force?: boolean;
  readonly subresource?: string;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;
const PAGE_SIZE = 500;

/**
 * A typed client of the Kubernetes API. Objects go in and come out as the JSON that the server speaks (`Wire`).
 *
 * Calls reject with KubeApiError when the server refuses and KubeConnectionError when it cannot be reached; absence is a
 * value (`get` gives null, `delete` gives false).
 */
export class KubeClient {
  readonly component: string;
  readonly #log: KubeLog;
  readonly #random: () => number;
  readonly #events: EventRecorder;
  readonly #transport: KubeTransport;

  constructor(transport: KubeTransport, options: KubeClientOptions = {}) {
    this.#transport = options.registry === undefined ? transport : new MeteredTransport(transport, options.registry);
    this.component = options.component ?? 'weft';
    this.#log = options.log ?? SILENT;
    this.#random = options.random ?? Math.random;
    this.#events = new EventRecorder(this, this.component, this.#log);
  }

  /** KUBECONFIG, else the in-cluster service account, else ~/.kube/config. Throws KubeConfigError. */
  static fromDefault(options: KubeClientOptions = {}): KubeClient {
    return new KubeClient(new HttpsTransport(loadDefaultConfig(), `${options.component ?? 'weft'} (weft)`), options);
  }

  static fromKubeconfig(text: string, options: KubeClientOptions = {}): KubeClient {
    return new KubeClient(new HttpsTransport(loadConfigText(text), `${options.component ?? 'weft'} (weft)`), options);
  }

  /** Closes kept-alive connections; informers are stopped by their own `stop`. */
  close(): void {
    this.#transport.close();
  }

  async get<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T | null> {
    try {
      return (await this.#transport.request({ method: 'GET', path: resourcePath(type, namespace, name) })) as T;
    } catch (failure) {
      if (isNotFound(failure)) return null;
      throw failure;
    }
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<T[]> {
    return (await this.listAt(type, options)).items;
  }

  /**
   * The list with its resource version, read in pages. `atLeast` allows an answer from the server's cache that is no older
   * than that version ('0': any age).
   */
  async listAt<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions = {},
    { atLeast, signal }: { atLeast?: string | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<ListResult<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = (await this.#transport.request({
        method: 'GET',
        path: resourcePath(type, options.namespace),
        query: {
          labelSelector: options.labelSelector,
          fieldSelector: options.fieldSelector,
          limit: atLeast === undefined ? PAGE_SIZE : undefined,
          continue: next,
          resourceVersion: next === undefined ? atLeast : undefined,
          resourceVersionMatch: next === undefined && atLeast !== undefined ? 'NotOlderThan' : undefined,
        },
        ...(signal === undefined ? {} : { signal }),
      })) as { items?: T[] | null; metadata?: { resourceVersion?: string; continue?: string } };
      for (const item of page.items ?? []) items.push({ ...item, apiVersion: type.apiVersion, kind: type.kind });
      next = page.metadata?.continue;
      if (next === undefined || next === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }

  /** A dry run goes through admission and validation, and stores nothing. */
  async create<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    { dryRun = false }: { readonly dryRun?: boolean } = {},
  ): Promise<T> {
    const body = withType(type, object);
    const path = resourcePath(type, requiredNamespace(type, object));
    const query = { ...this.#manager(), dryRun: dryRun ? 'All' : undefined };
    return (await this.#transport.request({ method: 'POST', path, query, body })) as T;
  }

  /** POST to a subresource, for example a Binding or an Eviction of a pod. */
  createSubresource(
    type: ResourceType<KubeObject>,
    object: { readonly namespace: string | undefined; readonly name: string; readonly subresource: string },
    body: unknown,
  ): Promise<unknown> {
    const path = resourcePath(type, object.namespace, object.name, object.subresource);
    return this.#transport.request({ method: 'POST', path, body });
  }

  /** Creates the object, or gives the one that exists already under its name. */
  async createOrGet<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    try {
      return await this.create(type, object);
    } catch (failure) {
      if (!isAlreadyExists(failure)) throw failure;
      const existing = await this.get(type, object.metadata?.namespace, object.metadata?.name ?? '');
      if (existing === null) throw failure;
      return existing;
    }
  }

  /** With `metadata.resourceVersion` set, rejects with a conflict when the object changed meanwhile. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#put(type, object);
  }

  replaceStatus<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return this.#put(type, object, 'status');
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    name: string,
    body: unknown,
    options: PatchOptions,
  ): Promise<T> {
    return (await this.#transport.request({
      method: 'PATCH',
      path: resourcePath(type, namespace, name, options.subresource),
      query: this.#manager(),
      body,
      contentType: PATCH_TYPES[options.kind],
    })) as T;
  }

  /** Server-side apply: the object holds exactly the fields that `fieldManager` wants to own. */
  async apply<T extends KubeObject>(type: ResourceType<T>, object: T, options: ApplyOptions): Promise<T> {
    return (await this.#transport.request({
      method: 'PATCH',
      path: resourcePath(type, requiredNamespace(type, object), requiredName(object), options.subresource),
      query: { fieldManager: options.fieldManager, force: options.force },
      body: withType(type, object),
      contentType: 'application/apply-patch+yaml',
    })) as T;
  }

  /** False if there was nothing to delete. */
  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): Promise<boolean> {
    try {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
      await this.#transport.request({ method: 'DELETE', path: resourcePath(type, namespace, name), body });
      return true;
    } catch (failure) {
      if (isNotFound(failure)) return false;
      throw failure;
    }
  }

  /** TokenRequest: a bound token of a service account. */
  createToken(
    namespace: string,
    serviceAccount: string,
    options: TokenOptions,
  ): Promise<{ token: string; expiresAt: Date }> {
    return createToken(this.#transport, namespace, serviceAccount, options);
  }

  /** TokenReview: whose token this is, if it is good for one of the audiences. */
  reviewToken(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
    return reviewToken(this.#transport, token, audiences);
  }

  /** A cache of all matching objects, kept current by a watch once it is started. */
  informer<T extends KubeObject>(type: ResourceType<T>, options: ListOptions & InformerOptions<T> = {}): Informer<T> {
    const where = `${type.plural}${options.namespace === undefined ? '' : ` in ${options.namespace}`}`;
    return new Informer<T>(`informer ${where}`, this.#log, options, (sink) => {
      const source = {
        list: (atLeast: string | undefined, signal: AbortSignal) => this.listAt(type, options, { atLeast, signal }),
        watch: this.#watchOf(type, options),
      };
      return new Reflector<T>(where, source, sink, { log: this.#log, random: this.#random });
    });
  }

  /** Records an Event about the object. Never fails and never blocks; repeated events are counted in one. */
  event(object: KubeObject, type: EventType, reason: string, message: string): void {
    this.#events.record(object, type, reason, message);
  }

  /** Resolves when the events recorded so far were written or given up. For tests and before exit. */
  eventsWritten(): Promise<void> {
    return this.#events.written();
  }

  #watchOf<T extends KubeObject>(type: ResourceType<T>, options: ListOptions) {
    return (
      resourceVersion: string,
      timeoutSeconds: number,
      handler: Parameters<KubeTransport['watch']>[1],
      signal: AbortSignal,
    ) =>
      this.#transport.watch(
        {
          method: 'GET',
          path: resourcePath(type, options.namespace),
          query: {
            watch: true,
            allowWatchBookmarks: true,
            resourceVersion,
            timeoutSeconds,
            labelSelector: options.labelSelector,
            fieldSelector: options.fieldSelector,
          },
        },
        handler,
        signal,
      );
  }

  async #put<T extends KubeObject>(type: ResourceType<T>, object: T, subresource?: string): Promise<T> {
    const path = resourcePath(type, requiredNamespace(type, object), requiredName(object), subresource);
    return (await this.#transport.request({
      method: 'PUT',
      path,
      query: this.#manager(),
      body: withType(type, object),
    })) as T;
  }

  #manager() {
    return { fieldManager: this.component };
  }
}

const withType = <T extends KubeObject>(type: ResourceType<T>, object: T): T => ({
  ...object,
  apiVersion: type.apiVersion,
  kind: type.kind,
});

function requiredNamespace(type: ResourceType<KubeObject>, object: KubeObject): string | undefined {
  const namespace = object.metadata?.namespace;
  if (type.namespaced && !namespace)
    throw new TypeError(`${type.kind} ${object.metadata?.name ?? ''} has no metadata.namespace`);
  return namespace;
}

function requiredName(object: KubeObject): string {
  const name = object.metadata?.name;
  if (!name) throw new TypeError(`${object.kind ?? 'object'} has no metadata.name`);
  return name;
}
