import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { toError } from '@weft/result';
import { KubeApiError, KubeConfigError, KubeConnectionError } from './errors.js';
import { LineSplitter } from './line-splitter.js';
import {
  describeRequest,
  queryString,
  type KubeRequest,
  type KubeTransport,
  type WatchEvent,
  type WatchHandler,
} from './transport.js';

const REQUEST_TIMEOUT_MS = 30_000;
/** Bookmarks come about once a minute, so a silent watch is a dead one. */
const WATCH_IDLE_MS = 150_000;
const MAX_WATCH_LINE_BYTES = 64 << 20;
const MAX_RETRIES = 5;
const MAX_RETRY_AFTER_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/**
 * HTTPS to the API server with the credentials of a KubeConfig. Certificates and token files are read again for each call, so
 * rotated ones take effect at once.
 *
 * Answers 429 and 503 that carry Retry-After are retried up to 5 times. A GET whose kept-alive connection was closed under it
 * is sent once more; writes never are, because the server may have done them.
 */
export class HttpsTransport implements KubeTransport {
  readonly #server: URL;
  readonly #agent: http.Agent;
  readonly #watchAgent: http.Agent;

  constructor(
    private readonly config: KubeConfig,
    private readonly userAgent: string,
  ) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) {
      throw new KubeConfigError(
        'the kubeconfig has no current context with a cluster; set current-context to one that exists',
      );
    }
    if (!URL.canParse(cluster.server)) {
      throw new KubeConfigError(`cluster ${cluster.name}: server ${JSON.stringify(cluster.server)} is not a URL`);
    }
    this.#server = new URL(cluster.server);
    const { Agent } = this.#server.protocol === 'http:' ? http : https;
    this.#agent = new Agent({ keepAlive: true, keepAliveMsecs: 15_000, maxSockets: 64 });
    this.#watchAgent = new Agent({ keepAlive: false });
  }

  async request(request: KubeRequest): Promise<unknown> {
    const deadline = AbortSignal.timeout(request.timeoutMs ?? REQUEST_TIMEOUT_MS);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#exchange(request, signal, attempt === 0);
      if (answer.status < 300) return parseBody(request, answer);
      const waitMs = retryDelayMs(answer);
      if (waitMs === null || attempt >= MAX_RETRIES) {
        throw new KubeApiError(describeRequest(request), answer.status, jsonOrText(answer.body));
      }
      await delay(waitMs, undefined, { signal }).catch((cause: unknown) => {
        throw new KubeConnectionError(`${describeRequest(request)}: gave up while the server asked to retry later`, {
          cause,
        });
      });
    }
  }

  async watch(request: KubeRequest, handler: WatchHandler, signal: AbortSignal): Promise<void> {
    const response = await this.#openWatch(request, signal);
    if ((response.statusCode ?? 0) >= 300) {
      const answer = await readAnswer(request, response);
      throw new KubeApiError(describeRequest(request), answer.status, jsonOrText(answer.body));
    }
    handler.opened();
    await readWatch(request, response, handler, signal);
  }

  /** The answer's head has a deadline of its own; the stream behind it may last as long as it likes. */
  async #openWatch(request: KubeRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), request.timeoutMs ?? REQUEST_TIMEOUT_MS);
    try {
      return await this.#send(request, AbortSignal.any([signal, late.signal]), this.#watchAgent);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#agent.destroy();
    this.#watchAgent.destroy();
  }

  async #exchange(request: KubeRequest, signal: AbortSignal, mayRepeat: boolean): Promise<Answer> {
    try {
      return await readAnswer(request, await this.#send(request, signal, this.#agent));
    } catch (failure) {
      const stale =
        failure instanceof KubeConnectionError &&
        (failure.cause as { reusedSocket?: boolean } | undefined)?.reusedSocket;
      if (request.method !== 'GET' || !mayRepeat || stale !== true || signal.aborted) throw failure;
      return this.#exchange(request, signal, false);
    }
  }

  async #send(request: KubeRequest, signal: AbortSignal, agent: http.Agent): Promise<http.IncomingMessage> {
    const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const options = await this.#options(request, agent, payload);
    return new Promise((resolve, reject) => {
      const url = `${this.#server.href.replace(/\/$/, '')}${request.path}${queryString(request.query)}`;
      const outgoing = (this.#server.protocol === 'http:' ? http : https).request(url, { ...options, signal }, resolve);
      outgoing.on('error', (cause: NodeJS.ErrnoException) => {
        Object.assign(cause, { reusedSocket: outgoing.reusedSocket && cause.code === 'ECONNRESET' });
        reject(
          new KubeConnectionError(`${describeRequest(request)} at ${this.#server.host}: ${reasonOf(cause)}`, { cause }),
        );
      });
      outgoing.end(payload);
    });
  }

  async #options(request: KubeRequest, agent: http.Agent, payload: Buffer | undefined): Promise<https.RequestOptions> {
    const options: https.RequestOptions = { headers: {} };
    try {
      await this.config.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new KubeConfigError(`cannot use the credentials of the kubeconfig: ${toError(cause).message}`, { cause });
    }
    const proxied = this.config.getCurrentCluster()?.proxyUrl !== undefined;
    const token = await this.#fileToken();
    const headers: http.OutgoingHttpHeaders = {
      ...(options.headers as http.OutgoingHttpHeaders),
      Accept: 'application/json',
    };
    headers['User-Agent'] = this.userAgent;
    if (payload !== undefined) {
      headers['Content-Type'] = request.contentType ?? 'application/json';
      // Node adds no length to the body of a DELETE, which then reads like the next request.
      headers['Content-Length'] = payload.length;
    }
    if (token !== null) headers['Authorization'] = `Bearer ${token}`;
    return { ...options, headers, method: request.method, ...(proxied ? {} : { agent }) };
  }

  /** client-node caches a token file for a minute; a rotated or replaced token must work at once. */
  async #fileToken(): Promise<string | null> {
    const provider: unknown = this.config.getCurrentUser()?.authProvider;
    const file = (provider as { config?: { tokenFile?: unknown } } | undefined)?.config?.tokenFile;
    if (typeof file !== 'string') return null;
    return readFile(file, 'utf8').then(
      (text) => text.trim(),
      () => null,
    );
  }
}

const reasonOf = (cause: NodeJS.ErrnoException): string =>
  cause.name === 'AbortError' || cause.name === 'TimeoutError'
    ? 'deadline passed or aborted'
    : cause.message || (cause.code ?? 'connection failed');

function readAnswer(request: KubeRequest, response: http.IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', (cause) =>
      reject(new KubeConnectionError(`${describeRequest(request)}: answer broke off: ${cause.message}`, { cause })),
    );
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      }),
    );
  });
}

/** Resolves at the end of the stream, clean or not: the caller goes on from the last resource version it saw. */
function readWatch(
  request: KubeRequest,
  response: http.IncomingMessage,
  handler: WatchHandler,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(error);
      response.destroy();
    };
    const splitter = new LineSplitter((line) => {
      if (signal.aborted) return;
      const event = parseEvent(line);
      if (event === null)
        fail(new KubeConnectionError(`${describeRequest(request)}: watch sent what is not a watch event`));
      else handler.event(event);
    }, MAX_WATCH_LINE_BYTES);
    response.socket.setKeepAlive(true, 15_000);
    response.setTimeout(WATCH_IDLE_MS, () => response.destroy());
    response.on('data', (chunk: Buffer) => {
      try {
        if (!splitter.push(chunk))
          fail(new KubeConnectionError(`${describeRequest(request)}: watch event is too long`));
      } catch (failure) {
        fail(toError(failure));
      }
    });
    response.on('error', () => resolve());
    response.on('close', () => resolve());
  });
}

function parseEvent(line: string): WatchEvent | null {
  const value = jsonOrText(line);
  return typeof value === 'object' && value !== null && 'type' in value && 'object' in value
    ? (value as WatchEvent)
    : null;
}

function parseBody(request: KubeRequest, answer: Answer): unknown {
  if (answer.body === '') return {};
  try {
    return JSON.parse(answer.body);
  } catch (cause) {
    throw new KubeConnectionError(`${describeRequest(request)}: the answer is not JSON`, { cause });
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function retryDelayMs({ status, headers }: Answer): number | null {
  const seconds = Number(headers['retry-after']);
  if ((status !== 429 && status !== 503) || headers['retry-after'] === undefined || !Number.isFinite(seconds))
    return null;
  return Math.min(Math.max(seconds * 1000, 100), MAX_RETRY_AFTER_MS);
}
