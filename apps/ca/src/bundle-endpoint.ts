import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { toError, type Clock } from '@weft/result';
import type { Logger, Service } from '@weft/runtime';
import { formatSpiffeBundle } from '@weft/spiffe';
import type { CaConfig } from './config.js';
import type { ServerCertificate } from './grpc-server.js';

const REFRESH_HINT_SECONDS = 300;
const FILE_CHECK_MS = 10_000;
const MOST_CONNECTIONS = 256;
const REQUEST_MS = 10_000;

export interface BundleEndpointOptions {
  readonly config: Pick<CaConfig, 'bundleEndpoint' | 'bundlePort' | 'bundleCertFile' | 'bundleKeyFile' | 'grpcHost'>;
  /** The roots with a number that grows when they change; null: they are just changing. */
  readonly roots: () => { readonly rootsPem: string; readonly sequence: number } | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Serves the roots as a SPIFFE bundle to other trust domains. With profile `https_spiffe` a client that knows an earlier bundle
 * verifies the server by it: the server shows the CA's own SVID. With `https_web` it shows the certificate in the files.
 *
 * @see https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Federation.md section 5
 */
export class BundleEndpoint implements Service {
  readonly name = 'bundle endpoint';
  readonly #server: Server;
  #cancel: () => void = () => undefined;
  #files = '';
  #last: { readonly rootsPem: string; readonly sequence: number } | null = null;
  #port = 0;

  constructor(private readonly options: BundleEndpointOptions) {
    this.#server = createServer({ handshakeTimeout: REQUEST_MS }, (request, response) =>
      this.#answer(request, response),
    );
    this.#server.requestTimeout = this.#server.headersTimeout = REQUEST_MS;
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('tlsClientError', () => undefined);
  }

  /** The bound port; only after `start`. */
  get port(): number {
    return this.#port;
  }

  /** The CA's own certificate; ignored with `https_web`. */
  useCertificate({ certificateChainPem: cert, privateKeyPem: key }: ServerCertificate): void {
    if (this.options.config.bundleEndpoint === 'https_spiffe') this.#server.setSecureContext({ cert, key });
  }

  async start(): Promise<void> {
    const { bundleEndpoint, bundlePort, grpcHost } = this.options.config;
    if (bundleEndpoint === 'off') return;
    if (bundleEndpoint === 'https_web') {
      await this.#readFiles();
      this.#armCheck();
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(bundlePort, grpcHost, () => resolve());
    });
    const address = this.#server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(hard: AbortSignal): Promise<void> {
    this.#cancel();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const force = (): void => this.#server.closeAllConnections();
    if (hard.aborted) force();
    hard.addEventListener('abort', force);
    await closed;
    hard.removeEventListener('abort', force);
  }

  #answer({ method, url }: IncomingMessage, response: ServerResponse): void {
    if (url !== '/' || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(url === '/' ? 405 : 404).end();
      return;
    }
    this.#last = this.options.roots() ?? this.#last;
    const bundle =
      this.#last &&
      formatSpiffeBundle(this.#last.rootsPem, { ...this.#last, refreshHintSeconds: REFRESH_HINT_SECONDS });
    if (bundle?.ok !== true) {
      response.writeHead(503, { 'retry-after': '1' }).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bundle.value) });
    response.end(method === 'HEAD' ? undefined : bundle.value);
  }

  #armCheck(): void {
    this.#cancel = this.options.clock.after(FILE_CHECK_MS, () => {
      this.#readFiles()
        .catch((thrown: unknown) => {
          const { bundleCertFile: file } = this.options.config;
          this.options.log.warn(
            { file, err: toError(thrown).message },
            'cannot use the certificate of the bundle endpoint',
          );
        })
        .finally(() => this.#armCheck());
    });
  }

  async #readFiles(): Promise<void> {
    const { bundleCertFile, bundleKeyFile } = this.options.config;
    const [cert, key] = await Promise.all([readFile(bundleCertFile, 'utf8'), readFile(bundleKeyFile, 'utf8')]);
    if (cert + key === this.#files) return;
    this.#server.setSecureContext({ cert, key });
    this.#files = cert + key;
  }
}
