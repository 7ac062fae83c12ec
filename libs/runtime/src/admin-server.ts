import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { sendMetrics } from './metrics-reply.js';
import type { Readiness } from './readiness.js';
import type { Service } from './service.js';

export interface AdminServerOptions {
  readonly name: string;
  readonly host: string;
  /** 0 picks a free port; see `port` after start. */
  readonly port: number;
  readonly readiness?: Readiness;
  readonly registry?: Registry;
  /** Runs before each scrape: brings up to date what is counted elsewhere. */
  readonly beforeMetrics?: () => Promise<void>;
  /** More routes: debug pages, config dumps. */
  readonly routes?: (server: FastifyInstance) => void;
}

/** No route here has a schema: without this, fastify loads compilers for them, a third of its memory. */
const noCompiler = (): never => {
  throw new TypeError('routes of an admin server have no schemas');
};
const NO_SCHEMAS = { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } };

/**
 * The HTTP surface every process has: `/healthz` (alive), `/readyz` and `/healthz/ready` (ready, or 503 with what is
 * pending), `/metrics` and `/stats/prometheus`.
 */
export class AdminServer implements Service {
  readonly name: string;
  readonly #server: FastifyInstance;

  constructor(private readonly options: AdminServerOptions) {
    this.name = `admin server ${options.name}`;
    this.#server = fastify({ logger: false, forceCloseConnections: true, schemaController: NO_SCHEMAS });
    this.#server.get('/healthz', () => 'ok\n');
    const { readiness, registry, beforeMetrics } = options;
    if (readiness !== undefined) {
      for (const path of ['/readyz', '/healthz/ready']) {
        this.#server.get(path, (_request, reply) => {
          const pending = readiness.pending();
          if (pending.length === 0) return reply.send('ready\n');
          return reply.code(503).send(`not ready, pending: ${pending.join(', ')}\n`);
        });
      }
    }
    if (registry !== undefined) {
      for (const path of ['/metrics', '/stats/prometheus']) {
        this.#server.get(path, async (request, reply) => {
          await beforeMetrics?.();
          return sendMetrics(registry, request, reply);
        });
      }
    }
    options.routes?.(this.#server);
  }

  /** The bound port; only after `start`. */
  get port(): number {
    const address = this.#server.server.address();
    if (address === null || typeof address === 'string') throw new TypeError(`${this.name} is not listening`);
    return address.port;
  }

  async start(): Promise<void> {
    await this.#server.listen({ host: this.options.host, port: this.options.port });
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }
}
