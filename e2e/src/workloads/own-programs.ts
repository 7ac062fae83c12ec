import type { Pod } from '@weft/kube';
import { join } from 'node:path';
import { HTTP_PORT } from './programs.js';
import { WORKSPACE } from '../cluster/local-cluster.js';

type Container = NonNullable<Pod['spec']>['containers'][number];

export const ANSWER_PORT = 7000;

/** The test's own programs run as they are: this Node.js strips their types. */
function program(name: string, args: readonly string[]): readonly string[] {
  const file = join(WORKSPACE, 'e2e/src/programs', `${name}.ts`);
  return [process.execPath, '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', file, ...args];
}

/** What SIGTERM does to a server; see `programs/answer-server.ts`. */
export type OnTerm = 'drain' | 'finish' | 'exit';

/** Answers one line with its name on each connection. */
export function answers(name: string, onTerm: OnTerm = 'drain'): Container {
  return {
    name: 'answers',
    image: 'answers',
    command: [...program('answer-server', [name, String(ANSWER_PORT), onTerm])],
    readinessProbe: { tcpSocket: { port: ANSWER_PORT }, periodSeconds: 1 },
  };
}

/** Command line of a load of new connections; it ends and prints its counts when its standard input ends. */
export function askerCommand(rate: number, targets: Readonly<Record<string, string>>): readonly string[] {
  const list = Object.entries(targets).flatMap(([target, expected]) => ['--target', `${target}=${expected}`]);
  return program('asker', ['--rate', String(rate), ...list]);
}

/** Answers HTTP with its name and what it was asked; see `programs/http-echo.ts`. `file` is what `/file/` gives. */
export function httpEcho(name: string, file = ''): Container {
  return {
    name: 'echo',
    image: 'echo',
    command: [...program('http-echo', [name, String(HTTP_PORT)])],
    env: [{ name: 'ECHO_FILE', value: file }],
    readinessProbe: { tcpSocket: { port: HTTP_PORT }, periodSeconds: 1 },
  };
}

/** Command line of a load of HTTP requests; it ends and prints its counts when its standard input ends. */
export function httpLoadCommand(url: string, rate: number): readonly string[] {
  return program('http-load', ['--url', url, '--rate', String(rate)]);
}

/** Command line of a burst of new connections with one request each; it ends and prints its counts when all are answered. */
export function httpBurstCommand(url: string, count: number): readonly string[] {
  return program('http-burst', ['--url', url, '--count', String(count)]);
}

export const GRPC_PORT = 7070;

/** Answers gRPC calls with its name; see `programs/grpc-echo.ts`. */
export function grpcEcho(name: string): Container {
  return {
    name: 'grpc',
    image: 'grpc',
    command: [...program('grpc-echo', ['serve', name, String(GRPC_PORT)])],
    readinessProbe: { tcpSocket: { port: GRPC_PORT }, periodSeconds: 1 },
  };
}

/** Command line of calls that the client routes by itself; it prints which servers answered how often. */
export function grpcAskCommand(target: string, calls: number, ...more: readonly string[]): readonly string[] {
  return program('grpc-echo', ['ask', target, String(calls), ...more]);
}
