import type { ServerResponse } from 'node:http';
import type { ResourceInfo } from '@weft/testing-kube-schema';
import { badRequest, StatusError, tooOldResourceVersion } from '../status-error.js';
import type { Bucket } from '../storage/bucket.js';
import type { Store } from '../storage/store.js';
import type { Stored, StoreEvent } from '../storage/stored.js';
import { storageKey } from '../type-catalog.js';
import { parseCount, parseFlag, parseSelects, parseVersionQuery, type Selects } from './list-query.js';
import type { ObjectWriter } from './object-writer.js';

/** A client that reads slower than this falls off and has to come back. */
const MAX_BEHIND_BYTES = 64 * 1024 * 1024;
/** Watches without a timeout of their own end after 30 to 60 minutes, so that clients do not all come back at once. */
const DEFAULT_TIMEOUT_SECONDS = 1800;
const INITIAL_END = { 'k8s.io/initial-events-end': 'true' };

export interface WatchRequest {
  readonly info: ResourceInfo;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly writer: ObjectWriter;
  readonly response: ServerResponse;
}

interface StartingPoint {
  /** Objects to send as ADDED first. */
  readonly initial: readonly Stored[];
  readonly missed: readonly StoreEvent[];
  /** Whether a bookmark tells the end of the initial objects. */
  readonly bookmarkInitialEnd: boolean;
}

/** Runs the watches of all clients: one line of JSON for each event, made once for all who ask for whole objects. */
export class WatchObjects {
  readonly #open = new Set<WatchStream>();
  readonly #bookmarks: NodeJS.Timeout;

  constructor(
    private readonly store: Store,
    bookmarkIntervalMs: number,
  ) {
    this.#bookmarks = setInterval(() => {
      for (const stream of this.#open) stream.bookmark();
    }, bookmarkIntervalMs).unref();
  }

  get count(): number {
    return this.#open.size;
  }

  /** Throws before anything is sent when the query is wrong; else the response belongs to the watch until it ends. */
  start(request: WatchRequest): void {
    const { info, namespace, query } = request;
    const bucket = this.store.bucket(storageKey(info));
    const selects = parseSelects(info, query, request.name);
    let start: StartingPoint;
    try {
      start = this.#startingPoint(bucket, namespace, query);
    } catch (cause) {
      if (!(cause instanceof StatusError) || cause.reason !== 'Expired') throw cause;
      refuse(request.response, cause);
      return;
    }
    const seconds = parseCount(query, 'timeoutSeconds') ?? 0;
    const timeoutMs = (seconds > 0 ? seconds : DEFAULT_TIMEOUT_SECONDS * (1 + Math.random())) * 1000;
    const stream = new WatchStream(this.store, bucket, request, selects, parseFlag(query, 'allowWatchBookmarks'), () =>
      this.#open.delete(stream),
    );
    this.#open.add(stream);
    stream.run(start, timeoutMs);
  }

  /** Ends the watches of one resource (its CustomResourceDefinition is gone), or all of them. */
  endAll(key?: string): void {
    for (const stream of [...this.#open]) if (key === undefined || stream.bucketKey === key) stream.end();
  }

  stop(): void {
    clearInterval(this.#bookmarks);
    this.endAll();
  }

  #startingPoint(bucket: Bucket, namespace: string | undefined, query: URLSearchParams): StartingPoint {
    const { resourceVersion, match } = parseVersionQuery(query);
    const current = this.store.resourceVersion;
    const sendInitial = query.get('sendInitialEvents');
    if (sendInitial !== null && match !== 'NotOlderThan') {
      throw badRequest(
        'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    }
    if (sendInitial === null && match !== '') {
      throw badRequest(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    }
    // A version from the future is one of an earlier life of this cluster: what the client knows is void.
    if (resourceVersion !== undefined && resourceVersion > current)
      throw tooOldResourceVersion(resourceVersion, current);
    const initial =
      sendInitial === 'true' || (sendInitial === null && (resourceVersion === undefined || resourceVersion === 0));
    if (initial) return { initial: bucket.list(namespace), missed: [], bookmarkInitialEnd: sendInitial === 'true' };
    const missed = resourceVersion === undefined || resourceVersion === 0 ? [] : bucket.since(resourceVersion);
    return { initial: [], missed, bookmarkInitialEnd: false };
  }
}

/** An expired version is told inside a watch that ends at once, as clients expect it. */
function refuse(response: ServerResponse, error: StatusError): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`{"type":"ERROR","object":${JSON.stringify(error.toStatus())}}\n`);
}

class WatchStream {
  readonly bucketKey: string;
  #unwatch: () => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #lastSent = 0;

  constructor(
    private readonly store: Store,
    private readonly bucket: Bucket,
    private readonly request: WatchRequest,
    private readonly selects: Selects | undefined,
    private readonly bookmarks: boolean,
    private readonly onEnd: () => void,
  ) {
    this.bucketKey = bucket.key;
  }

  run(start: StartingPoint, timeoutMs: number): void {
    const { response, writer } = this.request;
    response.on('close', () => this.end());
    response.on('error', () => this.end());
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    this.#unwatch = this.bucket.watch((event) => this.#event(event));
    this.#timer = setTimeout(() => this.end(), timeoutMs).unref();
    for (const stored of start.initial) if (this.#selected(stored)) this.#send('ADDED', stored);
    for (const event of start.missed) this.#event(event);
    if (start.bookmarkInitialEnd) this.#line('BOOKMARK', writer.bookmark(this.store.resourceVersion, INITIAL_END));
  }

  bookmark(): void {
    const { resourceVersion } = this.store;
    if (!this.bookmarks || resourceVersion === this.#lastSent) return;
    this.#lastSent = resourceVersion;
    this.#line('BOOKMARK', this.request.writer.bookmark(resourceVersion));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unwatch();
    clearTimeout(this.#timer);
    this.onEnd();
    this.request.response.end();
  }

  #selected(stored: Stored): boolean {
    return this.selects === undefined || this.selects(stored);
  }

  /** An object that enters the selection is ADDED for this client, one that leaves it is DELETED. */
  #event(event: StoreEvent): void {
    const { namespace } = this.request;
    const { stored, previous, resourceVersion } = event;
    if (namespace !== undefined && stored.namespace !== namespace) return;
    const was = previous !== undefined && this.#selected(previous);
    if (event.type === 'DELETED') {
      if (was) this.#send('DELETED', stored);
      return;
    }
    const is = this.#selected(stored);
    if (is) this.#send(was ? 'MODIFIED' : 'ADDED', stored);
    else if (was) this.#send('DELETED', previous.at(resourceVersion));
  }

  #send(type: StoreEvent['type'], stored: Stored): void {
    this.#lastSent = stored.resourceVersion;
    this.#line(type, this.request.writer.watched(stored));
  }

  #line(type: string, object: string): void {
    const { response } = this.request;
    if (this.#ended) return;
    response.write(`{"type":"${type}","object":${object}}\n`);
    if (response.writableLength > MAX_BEHIND_BYTES) response.destroy();
  }
}
