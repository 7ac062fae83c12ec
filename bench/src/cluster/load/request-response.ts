import { connect, type Socket } from 'node:net';
import { Latencies } from '../../latencies.js';
import type { LoadResult } from './load-result.js';

export interface RequestResponseOptions {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Size of a request and of its answer. */
  readonly bytes: number;
  /** Over all connections together. */
  readonly requests: number;
  readonly deadlineMs: number;
}

/** Each connection sends a request, waits for the whole echo, and sends the next; ends after `requests` or the deadline. */
export async function requestResponse(options: RequestResponseOptions): Promise<LoadResult> {
  const latencies = new Latencies();
  const payload = Buffer.alloc(options.bytes, 0x77);
  const state = { left: options.requests, errors: 0, firstError: null as string | null };
  const sockets = await Promise.all(
    Array.from({ length: options.connections }, () => open(options.host, options.port)),
  );
  const start = performance.now();
  const end = start + options.deadlineMs;
  await Promise.all(sockets.map((socket) => exchange(socket, payload, latencies, state, end)));
  const seconds = (performance.now() - start) / 1000;
  for (const socket of sockets) socket.destroy();
  const { errors, firstError } = state;
  return {
    completed: latencies.count,
    errors,
    firstError,
    seconds,
    p50Us: latencies.quantile(0.5),
    p99Us: latencies.quantile(0.99),
  };
}

interface Shared {
  left: number;
  errors: number;
  firstError: string | null;
}

function exchange(socket: Socket, payload: Buffer, latencies: Latencies, shared: Shared, end: number): Promise<void> {
  return new Promise((resolve) => {
    let sentAt = 0;
    let received = 0;
    const next = (): void => {
      if (shared.left <= 0 || performance.now() > end) {
        resolve();
        return;
      }
      shared.left--;
      received = 0;
      sentAt = performance.now();
      socket.write(payload);
    };
    const fail = (reason: string): void => {
      shared.errors++;
      shared.firstError ??= reason;
      resolve();
    };
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < payload.length) return;
      latencies.add((performance.now() - sentAt) * 1000);
      next();
    });
    socket.on('error', (error) => fail(error.message));
    socket.on('end', () => fail('the server closed the connection'));
    next();
  });
}

export function open(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
