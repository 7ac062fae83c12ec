import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { SpanExporter } from './span-exporter.js';
import type { TracingConfig } from './tracing-config.js';

const span = (n: number) => ({
  traceId: String(n).padStart(32, '0'),
  spanId: '00000000000000aa',
  parentSpanId: null,
  name: 'outbound',
  kind: 'client' as const,
  startMs: 0,
  endMs: 1,
  attributes: {},
  error: null,
});

interface Sent {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly unknown[] }[] }[];
}

describe('exporter of spans', () => {
  let server: Server;
  let exporter: SpanExporter;
  let registry: Registry;
  const batches: number[] = [];
  const requests: IncomingMessage[] = [];
  const warnings: string[] = [];
  let answer: (response: ServerResponse) => void;

  beforeEach(async () => {
    answer = (response) => response.end('{}');
    server = createServer((request, response) => {
      requests.push(request);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Sent;
        batches.push(resourceSpans[0]!.scopeSpans[0]!.spans.length);
        answer(response);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    await exporter.stop(AbortSignal.abort());
    server.closeAllConnections();
    server.close();
    for (const list of [batches, requests, warnings]) list.length = 0;
  });

  function start(change: Partial<TracingConfig> = {}): SpanExporter {
    registry = new Registry();
    const { port } = server.address() as AddressInfo;
    const silent = () => undefined;
    exporter = new SpanExporter({
      config: {
        endpoint: new URL(`http://127.0.0.1:${port}/v1/traces`),
        headers: { 'x-tenant': 'one' },
        timeoutMs: 5000,
        serviceName: 'ztunnel',
        ratio: 1,
        maxQueued: 10,
        maxBatch: 4,
        delayMs: 20,
        ...change,
      },
      resource: {},
      clock: systemClock,
      registry,
      log: { debug: silent, info: silent, error: silent, warn: (_fields, message) => void warnings.push(message) },
    });
    return exporter;
  }
  const counted = async (result: string): Promise<number> => {
    const metric = await registry.getSingleMetric('weft_trace_spans_total')!.get();
    return metric.values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
  };

  it('sends a batch when it is full, and the rest after a while', async () => {
    start();
    for (let i = 0; i < 5; i++) exporter.add(span(i));
    await until(async () => (await counted('exported')) === 5, 'all are exported');
    expect(batches).toEqual([4, 1]);
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/v1/traces' });
    expect(requests[0]!.headers).toMatchObject({ 'content-type': 'application/json', 'x-tenant': 'one' });
  });

  it('drops what does not fit into the queue while the collector takes its time', async () => {
    let held: ServerResponse | null = null;
    answer = (response) => (held = response);
    start();
    for (let i = 0; i < 20; i++) exporter.add(span(i));
    await until(() => held !== null, 'the collector was asked');
    // Four are on their way, ten wait.
    expect(await counted('dropped')).toBe(6);
    answer = (response) => response.end('{}');
    held!.end('{}');
    await until(async () => (await counted('exported')) === 14, 'the rest is exported');
  });

  it('a collector that refuses costs its batch, and one line in the log', async () => {
    answer = (response) => {
      response.statusCode = 503;
      response.end();
    };
    start();
    for (let i = 0; i < 8; i++) exporter.add(span(i));
    await until(async () => (await counted('failed')) === 8, 'both batches failed');
    expect(warnings).toEqual(['spans are not taken']);
    answer = (response) => response.end('{}');
    exporter.add(span(9));
    await until(async () => (await counted('exported')) === 1, 'it goes on');
  });

  it('a collector that says nothing is given up', async () => {
    answer = () => undefined;
    start({ timeoutMs: 30 });
    exporter.add(span(1));
    await until(async () => (await counted('failed')) === 1, 'it is given up');
  });

  it('a collector that is not there is no error of ours', async () => {
    start({ endpoint: new URL('http://127.0.0.1:1/v1/traces') });
    exporter.add(span(1));
    await until(async () => (await counted('failed')) === 1, 'it failed');
  });

  it('sends what is left when it stops', async () => {
    start({ delayMs: 60_000 });
    for (let i = 0; i < 3; i++) exporter.add(span(i));
    await exporter.stop(AbortSignal.timeout(5000));
    expect(batches).toEqual([3]);
  });
});
