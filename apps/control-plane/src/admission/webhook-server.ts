import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toError } from '@weft/result';
import type { Service } from '@weft/runtime';
import { reviewRequest, type AdmissionRequest, type AdmissionResponse } from './review-request.js';

export interface WebhookServerOptions {
  readonly host: string;
  /** 0 picks a free port; see `port` after start. */
  readonly port: number;
  readonly onReview: (request: AdmissionRequest, response: AdmissionResponse) => void;
  /** A request that was no review. */
  readonly onHttpError: (status: number) => void;
  readonly log: { warn(fields: object, message: string): void };
}

const MAX_BODY = 6 * 1024 * 1024;
const BODY_MS = 10_000;

/** Serves validating admission: `POST /validate` over TLS. Until the first certificate it refuses handshakes. */
export class WebhookServer implements Service {
  readonly name = 'validation webhook';
  readonly #server: Server;

  constructor(private readonly options: WebhookServerOptions) {
    this.#server = createServer({ minVersion: 'TLSv1.2', requestTimeout: BODY_MS }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  update({ certificateChainPem, privateKeyPem }: { certificateChainPem: string; privateKeyPem: string }): void {
    this.#server.setSecureContext({ cert: certificateChainPem, key: privateKeyPem, minVersion: 'TLSv1.2' });
  }

  start(): Promise<void> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) =>
          this.options.log.warn({ err: error.message }, 'the validation webhook failed'),
        );
        resolve();
      });
    });
  }

  stop(hard: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      hard.addEventListener('abort', () => this.#server.closeAllConnections(), { once: true });
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number, message: string): void => {
      this.options.onHttpError(status);
      response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${message}\n`);
    };
    const path = (request.url ?? '').split('?')[0]!;
    if (path !== '/validate' && !path.startsWith('/validate/')) {
      refuse(404, 'post to /validate');
      return;
    }
    if (request.method !== 'POST') {
      refuse(405, 'post an AdmissionReview');
      return;
    }
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
      refuse(415, 'send application/json');
      return;
    }
    try {
      const body = await readBody(request);
      if (body === null) {
        refuse(413, `at most ${MAX_BODY} bytes`);
        return;
      }
      const review = JSON.parse(body) as { apiVersion?: unknown; request?: AdmissionRequest } | null;
      if (review?.apiVersion !== 'admission.k8s.io/v1' || typeof review.request !== 'object') {
        refuse(400, 'send an AdmissionReview of admission.k8s.io/v1');
        return;
      }
      const answer = reviewRequest(review.request);
      this.options.onReview(review.request, answer);
      const text = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer });
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    } catch (thrown) {
      if (!request.complete) response.destroy();
      else refuse(400, `cannot read the request: ${toError(thrown).message.slice(0, 200)}`);
    }
  }
}

/** Null: too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
