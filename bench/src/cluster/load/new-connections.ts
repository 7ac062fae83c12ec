import { connect } from 'node:net';
import { Latencies } from '../../latencies.js';
import type { LoadResult } from './load-result.js';

export interface NewConnectionsOptions {
  readonly host: string;
  readonly port: number;
  /** Connections begun each second, evenly, whatever the answers do. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly timeoutMs: number;
}

const REQUEST = Buffer.alloc(64, 0x77);
const TICK_MS = 5;

/** Begins connections at a fixed rate; each sends 64 bytes, waits for the echo and closes. Latency is from begin to echo. */
export async function newConnections(options: NewConnectionsOptions): Promise<LoadResult> {
  const latencies = new Latencies();
  const total = options.perSecond * options.seconds;
  const running: Promise<void>[] = [];
  const failures: string[] = [];
  const start = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * options.perSecond));
      while (running.length < due) running.push(once(options, latencies, failures));
      if (running.length < total) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  await Promise.all(running);
  const seconds = (performance.now() - start) / 1000;
  return {
    completed: latencies.count,
    errors: failures.length,
    firstError: failures[0] ?? null,
    seconds,
    p50Us: latencies.quantile(0.5),
    p99Us: latencies.quantile(0.99),
  };
}

function once(
  { host, port, timeoutMs }: NewConnectionsOptions,
  latencies: Latencies,
  failures: string[],
): Promise<void> {
  return new Promise((resolve) => {
    const begun = performance.now();
    const socket = connect({ host, port, noDelay: true });
    let received = 0;
    const end = (failure?: string): void => {
      if (failure !== undefined) failures.push(failure);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve();
    };
    socket.setTimeout(timeoutMs, () => end(`no answer in ${timeoutMs} ms`));
    socket.on('connect', () => socket.write(REQUEST));
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < REQUEST.length) return;
      latencies.add((performance.now() - begun) * 1000);
      end();
    });
    socket.on('error', (error) => end(error.message));
    socket.on('end', () => end('the server closed the connection'));
  });
}
