import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '@weft/result';
import type { Service } from '@weft/runtime';
import { Counter, type Registry } from 'prom-client';
import type { AccessLogger } from '../telemetry/access-log.js';
import { otlpJson } from './otlp-json.js';
import type { Span, SpanSink } from './span.js';
import type { TracingConfig } from './tracing-config.js';

export interface SpanExporterOptions {
  readonly config: TracingConfig;
  readonly resource: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: AccessLogger;
}

/**
 * Sends spans to an OpenTelemetry collector in batches, one request at a time. What does not fit into the queue, or is not
 * taken by the collector, is dropped and counted: telemetry never holds up what it tells of.
 */
export class SpanExporter implements Service, SpanSink {
  readonly name = 'traces';
  readonly #spans: Counter<'result'>;
  #queue: Span[] = [];
  #cancel: (() => void) | null = null;
  #sending: Promise<void> | null = null;
  #failing = false;

  constructor(private readonly options: SpanExporterOptions) {
    this.#spans = new Counter({
      name: 'weft_trace_spans_total',
      help: 'Spans by what became of them: exported, dropped (the queue was full), failed (the collector did not take them)',
      labelNames: ['result'],
      registers: [options.registry],
    });
  }

  add(span: Span): void {
    const { maxQueued, maxBatch, delayMs } = this.options.config;
    if (this.#queue.length >= maxQueued) {
      this.#spans.inc({ result: 'dropped' });
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= maxBatch) this.#send();
    else this.#cancel ??= this.options.clock.after(delayMs, () => this.#send());
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Sends what is left, as far as there is time. */
  async stop(hard: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => {
      if (hard.aborted) resolve();
      hard.addEventListener('abort', () => resolve(), { once: true });
    });
    const rest = async (): Promise<void> => {
      while (this.#sending !== null || this.#queue.length > 0) {
        this.#send();
        await this.#sending;
      }
    };
    await Promise.race([over, rest()]);
    this.#cancel?.();
    this.#queue = [];
  }

  #send(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#sending !== null || this.#queue.length === 0) return;
    const batch = this.#queue.splice(0, this.options.config.maxBatch);
    this.#sending = post(this.options.config, otlpJson(batch, this.options.resource)).then((problem) => {
      this.#sending = null;
      this.#spans.inc({ result: problem === null ? 'exported' : 'failed' }, batch.length);
      this.#tell(problem);
      if (this.#queue.length > 0) this.#cancel ??= this.options.clock.after(this.#pauseMs, () => this.#send());
    });
  }

  /** A full batch follows at once, unless the collector is in trouble. */
  get #pauseMs(): number {
    const { maxBatch, delayMs } = this.options.config;
    return this.#queue.length >= maxBatch && !this.#failing ? 0 : delayMs;
  }

  /** Once per outage. */
  #tell(problem: string | null): void {
    if (problem !== null && !this.#failing)
      this.options.log.warn({ endpoint: this.options.config.endpoint.href, error: problem }, 'spans are not taken');
    this.#failing = problem !== null;
  }
}

/** Null when the collector took it, else why not. Never rejects. */
function post({ endpoint, headers, timeoutMs }: TracingConfig, body: string): Promise<string | null> {
  const send = endpoint.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const request = send(
      endpoint,
      {
        method: 'POST',
        signal: AbortSignal.timeout(timeoutMs),
        headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.resume();
        response.once('error', (error) => resolve(error.message));
        response.once('end', () => resolve(statusCode >= 200 && statusCode < 300 ? null : `HTTP status ${statusCode}`));
      },
    );
    request.once('error', (error) => resolve(error.message));
    request.end(body);
  });
}
