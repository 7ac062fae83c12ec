import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { createLogger } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { isObject, type JsonObject } from '@weft/testing-kube-schema';
import { ApiServer } from '../api-server.js';
import type { ApiServerOptions } from '../api-server-options.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The JSON body; an empty object when it is none. */
  readonly body: JsonObject;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Null: no Authorization header. */
  readonly token?: string | null;
}

export interface WatchedEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** For what a test waits for outside of this process. */
export const DEADLINE_MS = 20_000;

export async function startServer(options: Partial<ApiServerOptions> = {}): Promise<ApiServer> {
  const server = new ApiServer({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    serviceCidr: '10.96.0.0/16',
    clusterDomain: 'cluster.local',
    log: createLogger('kube-apiserver', 'silent'),
    ...options,
  });
  await server.start();
  return server;
}

/** A client of one server, over its real listener. */
export class ApiClient {
  /** `listener`: which of the server's listeners to use. */
  constructor(
    private readonly server: ApiServer,
    private readonly listener = 0,
  ) {}

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(method, path, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parse(text) });
        });
      });
      request.on('error', reject);
      this.#send(request, options);
    });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.call('GET', path, { headers });
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.call('POST', path, { body });
  }

  put(path: string, body: unknown): Promise<Answer> {
    return this.call('PUT', path, { body });
  }

  delete(path: string, body?: unknown): Promise<Answer> {
    return this.call('DELETE', path, body === undefined ? {} : { body });
  }

  patch(path: string, kind: 'json' | 'merge' | 'strategic' | 'apply', body: unknown): Promise<Answer> {
    const type =
      kind === 'apply'
        ? 'apply-patch+yaml'
        : kind === 'strategic'
          ? 'strategic-merge-patch+json'
          : `${kind}-patch+json`;
    return this.call('PATCH', path, { body, headers: { 'content-type': `application/${type}` } });
  }

  /** Opens a watch (or another stream of JSON lines). */
  watch(path: string, headers: Readonly<Record<string, string>> = {}): Promise<WatchClient> {
    return new Promise((resolve, reject) => {
      const request = this.#request('GET', path, { headers }, (response) =>
        resolve(new WatchClient(response, () => request.destroy())),
      );
      request.on('error', reject);
      request.end();
    });
  }

  #request(
    method: string,
    path: string,
    options: CallOptions,
    onResponse: (response: IncomingMessage) => void,
  ): ReturnType<typeof httpsRequest> {
    const token = options.token === undefined ? this.server.adminToken : options.token;
    const headers: Record<string, string> = {
      'user-agent': 'spec/1.0',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    return httpsRequest(
      {
        host: '127.0.0.1',
        port: this.server.ports[this.listener],
        path,
        method,
        ca: this.server.caPem,
        agent: false,
        headers,
      },
      onResponse,
    );
  }

  #send(request: ReturnType<typeof httpsRequest>, { body }: CallOptions): void {
    if (body === undefined) {
      request.end();
      return;
    }
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    request.setHeader('content-length', bytes.length);
    request.end(bytes);
  }
}

/** The events of one watch, in order. */
export class WatchClient {
  readonly events: WatchedEvent[] = [];
  readonly status: number;
  ended = false;

  constructor(
    response: IncomingMessage,
    readonly close: () => void,
  ) {
    this.status = response.statusCode ?? 0;
    response.on('error', () => (this.ended = true));
    response.on('close', () => (this.ended = true));
    createInterface({ input: response })
      .on('line', (line) => this.events.push(parse(line) as unknown as WatchedEvent))
      .on('error', () => undefined);
  }

  /** `TYPE name` of what came so far, without bookmarks. */
  get summary(): string[] {
    return this.events
      .filter(({ type }) => type !== 'BOOKMARK')
      .map(({ type, object }) => `${type} ${metaOf(object)['name'] as string}`);
  }

  async until(count: number): Promise<readonly WatchedEvent[]> {
    await until(() => this.events.length >= count, `${count} watch events`);
    return this.events;
  }
}

export const metaOf = (object: JsonObject): JsonObject => (isObject(object['metadata']) ? object['metadata'] : {});

function parse(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

export const configMap = (name: string, data: Record<string, string> = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

export const pod = (name: string, metadata: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'main', image: 'none' }], ...spec },
});
