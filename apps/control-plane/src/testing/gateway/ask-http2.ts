import { connect } from 'node:http2';
import { isIPv6 } from 'node:net';
import { toError } from '@weft/result';
import type { Echo } from '../proxy/echo-pod.js';
import type { Place } from '../proxy/http-client.js';

const DEADLINE_MS = 10_000;

export interface Http2Question {
  /** In the handshake. */
  readonly serverName: string;
  /** Of the request. */
  readonly host: string;
}

/** One HTTP/2 request over TLS on a connection of its own: the server that answered, or else the status, or why there is no answer. */
export function askHttp2({ host: address, port }: Place, { serverName, host }: Http2Question): Promise<string> {
  return new Promise((resolve) => {
    const session = connect(`https://${isIPv6(address) ? `[${address}]` : address}:${port}`, {
      servername: serverName,
      rejectUnauthorized: false,
    });
    const done = (answer: string): void => {
      session.destroy();
      resolve(answer);
    };
    session.setTimeout(DEADLINE_MS, () => done(`no answer in ${DEADLINE_MS} ms`));
    session.on('error', (error) => done(toError(error).message));
    const asked = session.request({ ':path': '/', ':authority': host });
    const chunks: Buffer[] = [];
    let status = 0;
    asked.on('response', (headers) => (status = headers[':status'] ?? 0));
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('error', (error) => done(toError(error).message));
    asked.on('end', () =>
      done(status === 200 ? (JSON.parse(Buffer.concat(chunks).toString()) as Echo).server : String(status)),
    );
    asked.end();
  });
}
