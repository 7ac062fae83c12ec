import { request } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { Echo } from '../proxy/echo-pod.js';
import type { Place } from '../proxy/http-client.js';

const DEADLINE_MS = 10_000;

export interface HttpsQuestion extends Pick<
  ConnectionOptions,
  'cert' | 'key' | 'minVersion' | 'maxVersion' | 'ciphers'
> {
  /** Of the handshake, and of the request unless it says otherwise. */
  readonly host: string;
  readonly authority?: string;
  readonly path?: string;
  readonly roots: string;
}

/** One request on a connection of its own: the server that answered, or else the status, or why there is no answer. */
export function askHttps(place: Place, question: HttpsQuestion): Promise<string> {
  const { host, authority = host, path = '/', roots, ...tls } = question;
  return new Promise((resolve) => {
    const options = { ...place, path, headers: { host: authority }, servername: host, ca: roots, agent: false, ...tls };
    const asked = request({ ...options, timeout: DEADLINE_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve('broken off'));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = response;
        resolve(statusCode === 200 ? (JSON.parse(body) as Echo).server : String(statusCode));
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve('no connection'));
    asked.end();
  });
}
