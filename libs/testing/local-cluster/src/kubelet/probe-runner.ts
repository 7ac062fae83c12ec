import { request } from 'node:http';
import { connect as connectTls } from 'node:tls';
import { toError } from '@weft/result';
import type { ContainerProcess } from '../container/container-process.js';
import type { NodeDialer } from '../node/node-dialer.js';
import type { Container } from './pod-fields.js';

export type Probe = NonNullable<Container['readinessProbe']>;
type HttpGet = NonNullable<Probe['httpGet']>;

export interface ProbeTarget {
  readonly podIp: string;
  readonly container: Container;
  readonly process: ContainerProcess;
}

/** Null is success; otherwise what was wrong, in the words that events use. */
export type ProbeOutcome = string | null;

/** Sends one probe: commands run in the container, HTTP and TCP come from the node, as a kubelet's do. */
export class ProbeRunner {
  constructor(private readonly dialer: NodeDialer) {}

  async run(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    try {
      if (probe.exec !== undefined) return await this.exec(probe.exec.command ?? [], target.process, timeoutMs);
      if (probe.httpGet !== undefined) return await this.httpGet(probe.httpGet, target, timeoutMs);
      const port = probe.tcpSocket?.port ?? probe.grpc?.port;
      if (port === undefined) return 'the probe names no action';
      const number = resolvePort(port, target.container);
      if (number === null) return `unknown port ${String(port)}`;
      const socket = await this.dialer.connect(probe.tcpSocket?.host ?? target.podIp, number, timeoutMs);
      socket.destroy();
      return null;
    } catch (thrown) {
      return toError(thrown).message;
    }
  }

  async exec(command: readonly string[], process: ContainerProcess, timeoutMs: number): Promise<ProbeOutcome> {
    const { code, stdout, stderr } = await process.run(command, timeoutMs);
    return code === 0 ? null : `exit code ${code}: ${(stdout + stderr).trim().slice(0, 500)}`;
  }

  async httpGet(get: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
    const port = resolvePort(get.port, target.container);
    if (port === null) return `unknown port ${String(get.port)}`;
    const host = get.host ?? target.podIp;
    const tcp = await this.dialer.connect(host, port, timeoutMs);
    const socket = get.scheme === 'HTTPS' ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp;
    const named = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]));
    const headers = {
      host: `${host}:${port}`,
      'user-agent': 'kube-probe/1.32',
      accept: '*/*',
      connection: 'close',
      ...named,
    };
    return new Promise((resolve) => {
      const call = request({ path: get.path ?? '/', headers, createConnection: () => socket }, (response) => {
        const { statusCode = 0 } = response;
        finish(statusCode >= 200 && statusCode < 400 ? null : `HTTP probe failed with statuscode: ${statusCode}`);
      });
      const timer = setTimeout(() => finish(`no HTTP answer within ${timeoutMs} ms`), timeoutMs);
      const finish = (outcome: ProbeOutcome): void => {
        clearTimeout(timer);
        resolve(outcome);
        call.destroy();
        tcp.destroy();
      };
      socket.on('error', (error: Error) => finish(error.message));
      call.on('error', (error) => finish(error.message));
      call.end();
    });
  }
}

/** A port by number or by the name that the container gave it; null if there is no such name. */
export function resolvePort(port: unknown, container: Container): number | null {
  if (typeof port === 'number') return port;
  if (typeof port === 'string' && /^\d+$/.test(port)) return Number(port);
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? null;
}
