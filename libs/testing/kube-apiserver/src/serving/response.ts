import type { ServerResponse } from 'node:http';
import type { JsonObject } from '@weft/testing-kube-schema';
import { stringify } from 'yaml';
import type { ResponseForm } from '../request/negotiation.js';
import type { StatusError } from '../status-error.js';

const CONTENT_TYPES = { json: 'application/json', yaml: 'application/yaml' } as const;

/** Sends one JSON text, as YAML when asked. Does nothing when the client has gone. */
export function sendText(
  response: ServerResponse,
  status: number,
  json: string,
  format: ResponseForm['format'] = 'json',
): void {
  if (response.headersSent || response.destroyed) return;
  const body = format === 'yaml' ? stringify(JSON.parse(json) as unknown) : json;
  response.writeHead(status, {
    'content-type': CONTENT_TYPES[format],
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-cache, private',
  });
  response.end(body);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: JsonObject,
  format: ResponseForm['format'] = 'json',
): void {
  sendText(response, status, JSON.stringify(value), format);
}

/** Sends pieces of one JSON text and waits where the client is slower than us. */
export async function sendPieces(
  response: ServerResponse,
  pieces: Iterable<string>,
  format: ResponseForm['format'],
): Promise<void> {
  if (format === 'yaml') {
    sendText(response, 200, [...pieces].join(''), 'yaml');
    return;
  }
  response.writeHead(200, { 'content-type': CONTENT_TYPES.json, 'cache-control': 'no-cache, private' });
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          response.off('drain', done).off('close', done);
          resolve();
        };
        response.on('drain', done).on('close', done);
      });
    }
  }
  response.end();
}

export function sendStatus(response: ServerResponse, error: StatusError): void {
  if (error.httpStatus === 413) response.setHeader('connection', 'close');
  const wait = error.details.retryAfterSeconds;
  if (wait !== undefined && !response.headersSent) response.setHeader('retry-after', String(wait));
  sendJson(response, error.httpStatus, error.toStatus());
}

/** `Warning: 299 - "..."`, as kubectl prints it. */
export function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0 || response.headersSent) return;
  response.setHeader(
    'warning',
    warnings.map((text) => `299 - "${text.replace(/[^\x20-\x7e]/g, ' ').replace(/["\\]/g, '\\$&')}"`),
  );
}
