import { randomUUID } from 'node:crypto';
import type { JsonObject, ResourceInfo } from '@weft/testing-kube-schema';
import { LRUCache } from 'lru-cache';
import { badRequest, expired, tooLargeResourceVersion } from '../status-error.js';
import type { Bucket } from '../storage/bucket.js';
import type { Store } from '../storage/store.js';
import type { Stored } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import { parseCount, parseSelects, parseVersionQuery } from './list-query.js';

/** Lists whose next page may still be asked for. */
const MAX_SNAPSHOTS = 200;
const SNAPSHOT_TTL_MS = 5 * 60 * 1000;

export interface ListPage {
  readonly items: readonly Stored[];
  readonly metadata: JsonObject;
}

interface Snapshot {
  readonly items: readonly Stored[];
  readonly resourceVersion: number;
  readonly of: string;
}

export interface ListRequest {
  readonly info: ResourceInfo;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly name?: string;
  readonly query: URLSearchParams;
}

/** Answers lists. Pages of one list show one moment: later pages come from the snapshot that the first one took. */
export class ListObjects {
  readonly #snapshots: LRUCache<string, Snapshot>;

  constructor(
    private readonly store: Store,
    snapshotTtlMs = SNAPSHOT_TTL_MS,
  ) {
    this.#snapshots = new LRUCache({ max: MAX_SNAPSHOTS, ttl: snapshotTtlMs });
  }

  list(request: ListRequest): ListPage {
    const { query } = request;
    const limit = parseCount(query, 'limit') ?? 0;
    const token = query.get('continue') ?? '';
    const of = `${storageKey(request.info)}|${request.namespace ?? ''}|${query.get('labelSelector') ?? ''}|${query.get('fieldSelector') ?? ''}`;
    if (token !== '') return this.#next(of, token, limit, query);
    const { items, resourceVersion } = this.#select(request);
    return this.#page({ items, resourceVersion, of }, randomUUID(), 0, limit);
  }

  #select({ info, namespace, name, query }: ListRequest): { items: readonly Stored[]; resourceVersion: number } {
    const bucket = this.store.bucket(storageKey(info));
    const selects = parseSelects(info, query, name ?? '');
    const { items, resourceVersion } = this.#moment(bucket, namespace, query);
    return { items: selects === undefined ? items : items.filter(selects), resourceVersion };
  }

  #moment(
    bucket: Bucket,
    namespace: string | undefined,
    query: URLSearchParams,
  ): { items: readonly Stored[]; resourceVersion: number } {
    const { resourceVersion, match } = parseVersionQuery(query);
    const current = this.store.resourceVersion;
    if (match !== '' && resourceVersion === undefined) {
      throw badRequest(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
      );
    }
    if (resourceVersion !== undefined && resourceVersion > current)
      throw tooLargeResourceVersion(resourceVersion, current);
    if (match === 'Exact') {
      return { items: bucket.listAt(resourceVersion!, current, namespace), resourceVersion: resourceVersion! };
    }
    return { items: bucket.list(namespace), resourceVersion: current };
  }

  #next(of: string, token: string, limit: number, query: URLSearchParams): ListPage {
    if (!['', '0'].includes(query.get('resourceVersion') ?? '')) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const [id = '', start = ''] = Buffer.from(token, 'base64url').toString().split('/');
    if (!/^[0-9a-f-]{36}$/.test(id) || !/^\d+$/.test(start)) throw badRequest('continue key is not valid');
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) {
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. Start a new list without the continue parameter.',
      );
    }
    if (snapshot.of !== of) throw badRequest('continue key is not valid for this list');
    return this.#page(snapshot, id, Number(start), limit);
  }

  #page(snapshot: Snapshot, id: string, start: number, limit: number): ListPage {
    const { items, resourceVersion } = snapshot;
    const end = limit === 0 ? items.length : Math.min(items.length, start + limit);
    const metadata: JsonObject = { resourceVersion: String(resourceVersion) };
    if (end < items.length) {
      this.#snapshots.set(id, snapshot);
      metadata['continue'] = Buffer.from(`${id}/${end}`).toString('base64url');
      metadata['remainingItemCount'] = items.length - end;
    }
    return { items: start === 0 && end === items.length ? items : items.slice(start, end), metadata };
  }
}
