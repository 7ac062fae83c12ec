import { request } from 'node:http';

export interface AdminReply {
  readonly status: number;
  readonly body: string;
}

const DEADLINE_MS = 5000;

/** Envoy's admin interface, as far as the agent needs it. Rejects when Envoy does not answer. */
export class EnvoyAdmin {
  constructor(private readonly port: () => number) {}

  /** Listeners and clusters have arrived, and Envoy takes connections. */
  async live(): Promise<boolean> {
    const { status } = await this.#ask('GET', '/ready');
    return status === 200;
  }

  async prometheus(): Promise<string> {
    const { status, body } = await this.#ask('GET', '/stats/prometheus');
    if (status !== 200) throw new Error(`Envoy's metrics: status ${status}`);
    return body;
  }

  /** From now on every response asks its client to come again on another connection; listeners stay open meanwhile. */
  async drain(): Promise<void> {
    await this.#ask('POST', '/drain_listeners?graceful&skip_exit');
  }

  /** Connections of users, not those for readiness and metrics. */
  async activeConnections(): Promise<number> {
    const { body } = await this.#ask('GET', '/stats?filter=^listener\\..*\\.downstream_cx_active$');
    let sum = 0;
    for (const [, listener = '', count] of body.matchAll(/^listener\.(.+)\.downstream_cx_active: (\d+)$/gm)) {
      if (/worker_|^admin|_150(21|90)$/.test(listener)) continue;
      sum += Number(count);
    }
    return sum;
  }

  /** What Envoy carries for users: requests and tunnels so far, and what is open now. */
  async load(): Promise<{ readonly requests: number; readonly connections: number }> {
    const { body } = await this.#ask('GET', '/stats?filter=^http\\..*\\.downstream_rq_(total|active)$');
    return loadOf(body);
  }

  #ask(method: 'GET' | 'POST', path: string): Promise<AdminReply> {
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.port(), method, path: encodeURI(path), agent: false });
      call.setTimeout(DEADLINE_MS, () => call.destroy(new Error("Envoy's admin interface does not answer")));
      call.on('error', reject);
      call.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }),
        );
      });
      call.end();
    });
  }
}

/** Those for readiness, metrics and ourselves. */
const OWN_PREFIXES: ReadonlySet<string> = new Set(['admin', 'agent', 'prometheus_stats']);
/** Each connection through a waypoint is one request there. */
const TUNNELS = 'connect_terminate';

/** Of a waypoint the open tunnels are its connections; a gateway has none, and its open requests count. */
export function loadOf(stats: string): { readonly requests: number; readonly connections: number } {
  let [requests, tunnels, active] = [0, null as number | null, 0];
  for (const [, prefix = '', kind = '', text] of stats.matchAll(
    /^http\.(.+)\.downstream_rq_(total|active): (\d+)$/gm,
  )) {
    if (OWN_PREFIXES.has(prefix)) continue;
    const count = Number(text);
    if (kind === 'total') requests += count;
    else if (prefix === TUNNELS) tunnels = count;
    else active += count;
  }
  return { requests, connections: tunnels ?? active };
}
