/** One REST call. `path` starts with a slash and is already escaped; undefined query values are left out. */
export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Of the body; `application/json` if not given. */
  readonly contentType?: string;
  /** For the whole call. Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

export interface WatchHandler {
  /** The server accepted the watch. */
  opened(): void;
  event(event: WatchEvent): void;
}

/**
 * The port between the client and the wire. Both calls reject with KubeApiError when the server refuses, and with
 * KubeConnectionError when it cannot be reached.
 */
export interface KubeTransport {
  /** The decoded JSON of a 2xx answer. */
  request(request: KubeRequest): Promise<unknown>;
  /** Resolves when the server ends the stream or `signal` aborts. */
  watch(request: KubeRequest, handler: WatchHandler, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** `GET /api/v1/pods` for messages. */
export const describeRequest = (request: KubeRequest): string => `${request.method} ${request.path}`;

export function queryString(query: KubeRequest['query']): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
