import { get } from 'node:https';
import { MeshError } from '@weft/result';

/** `CA_KEYS_UNAVAILABLE`: the keys of an issuer cannot be fetched now. */
export class KeysUnavailableError extends MeshError {
  readonly code = 'CA_KEYS_UNAVAILABLE';
}

const DEADLINE_MS = 5000;
const LARGEST_BYTES = 1024 * 1024;

/**
 * Fetches a small JSON document. Only https, only 200, no redirect: the address is an operator's word about one server.
 * `ca`: PEM trusted instead of the machine's roots.
 */
export function httpsFetch(url: string, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void =>
      reject(new KeysUnavailableError(`cannot fetch ${url}: ${why}`, { cause }));
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const headers = { accept: 'application/json' };
    const request = get(url, { signal, headers, ...(ca !== undefined && { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('error', (cause) => fail(cause.message, cause));
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length > LARGEST_BYTES) request.destroy(new Error(`larger than ${LARGEST_BYTES} bytes`));
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
        else fail(`status ${response.statusCode ?? 0}`);
      });
    });
    request.on('error', (cause) => fail(signal.aborted ? `no answer within ${DEADLINE_MS} ms` : cause.message, cause));
  });
}
