import { request } from 'node:https';
import type { Place } from '../proxy/http-client.js';
import type { Identity } from '../proxy/secret-server.js';

const DEADLINE_MS = 10_000;

/** The status of an answer over TLS, asked for by a host; `refused` if the connection is broken off. */
export function askHttps(place: Place, host: string, client?: Identity): Promise<number | 'refused'> {
  const shown = client === undefined ? {} : { cert: client.certPem, key: client.keyPem };
  return new Promise((resolve) => {
    const options = {
      ...place,
      ...shown,
      servername: host,
      headers: { host },
      rejectUnauthorized: false,
      agent: false,
    };
    const asked = request({ ...options, timeout: DEADLINE_MS }, (response) => {
      response.resume();
      response.on('error', () => undefined);
      resolve(response.statusCode ?? 0);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer in ${DEADLINE_MS} ms`)));
    asked.on('error', () => resolve('refused'));
    asked.end();
  });
}
