import { request, type IncomingHttpHeaders } from 'node:http';
import type { Echo } from './echo-pod.js';

const DEADLINE_MS = 10_000;

export interface HttpQuestion {
  readonly path?: string;
  readonly method?: string;
  /** Of the Host header. */
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where to connect. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Empty when the proxy answered by itself. */
  readonly server: string;
  readonly headers: IncomingHttpHeaders;
  /** The request as the server got it. */
  readonly echo: Partial<Echo>;
  readonly body: string;
  readonly ms: number;
}

/** One request on a connection of its own. */
export function askHttp(place: Place, question: HttpQuestion): Promise<HttpAnswer> {
  const { path = '/', method = 'GET', host = 'echo', headers = {} } = question;
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const options = { ...place, path, method, headers: { host, ...headers }, agent: false };
    const asked = request({ ...options, timeout: DEADLINE_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const server = String(response.headers['x-server'] ?? '');
        const echo = server === '' || body === '' ? {} : (JSON.parse(body) as Echo);
        const ms = performance.now() - started;
        resolve({ status: response.statusCode ?? 0, server, headers: response.headers, echo, body, ms });
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} in ${DEADLINE_MS} ms`)));
    asked.on('error', reject);
    asked.end();
  });
}
