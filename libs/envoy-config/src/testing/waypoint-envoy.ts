import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { MeshModel } from '@weft/mesh-model';
import { extensionResources } from '../extensions/extension-resources.js';
import { waypointResources } from '../waypoint/waypoint-resources.js';
import { RunningEnvoy } from './running-envoy.js';
import { staticWaypoint, type Backends } from './static-waypoint.js';

export interface Ask {
  /** Of the service. */
  readonly address: string;
  readonly port?: number;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** SPIFFE ID; none: the tunnel names no client. */
  readonly identity?: string;
  readonly sourceIp?: string;
  readonly sourcePort?: number;
  /** Sent with the tunnel, as ztunnel does. */
  readonly baggage?: string;
}

export interface Told {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const SETTINGS = {
  trustDomains: ['cluster.local'],
  clusterDomain: 'cluster.local',
  connectTimeoutMs: 1000,
};
const DEADLINE_MS = 10_000;

/**
 * A real Envoy with the configuration that the waypoint of a mesh gets. Clients come through its tunnel listener, which here takes
 * their identity and address from headers in place of TLS; services are plain sockets on the loopback address.
 */
export class WaypointEnvoy {
  private constructor(
    readonly envoy: RunningEnvoy,
    private readonly port: number,
  ) {}

  static async start(model: MeshModel, backends: Backends = {}, unknownKeys = ''): Promise<WaypointEnvoy> {
    const resources = [
      ...waypointResources(model, { ...SETTINGS, unknownKeys }).values(),
      ...extensionResources(model).values(),
    ];
    const envoy = await RunningEnvoy.start(staticWaypoint(resources, backends));
    return new WaypointEnvoy(envoy, await envoy.portOf('connect_terminate'));
  }

  stop(): Promise<void> {
    return this.envoy.stop();
  }

  /** One request in a tunnel of its own. */
  async ask(ask: Ask): Promise<Told> {
    const tunnel = await this.tunnel(ask);
    try {
      return await exchange(tunnel, ask);
    } finally {
      tunnel.destroy();
    }
  }

  /** A connection to the service. */
  async tunnel({
    address,
    port = 80,
    identity,
    sourceIp = '10.9.9.9',
    sourcePort = 40_000,
    baggage,
  }: Ask): Promise<Duplex> {
    const socket = connect(this.port, '127.0.0.1');
    const lines = [
      `CONNECT ${address}:${port} HTTP/1.1`,
      `host: ${address}:${port}`,
      `x-test-source: ${sourceIp}:${sourcePort}`,
      ...(identity === undefined ? [] : [`x-test-peer: ${identity}`]),
      ...(baggage === undefined ? [] : [`baggage: ${baggage}`]),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await answered(socket);
    return socket;
  }
}

async function answered(socket: Socket): Promise<void> {
  let head = '';
  await new Promise<void>((resolve, reject) => {
    socket.setTimeout(DEADLINE_MS, () => reject(new Error('the tunnel does not open')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the tunnel closed after ${JSON.stringify(head)}`)));
    socket.on('readable', () => {
      // Byte by byte, so that nothing of what follows is taken.
      while (!head.endsWith('\r\n\r\n')) {
        const byte = socket.read(1) as Buffer | null;
        if (byte === null) return;
        head += byte.toString('latin1');
      }
      socket.removeAllListeners();
      if (head.startsWith('HTTP/1.1 200')) resolve();
      else reject(new Error(head));
    });
  });
}

function exchange(tunnel: Duplex, { method = 'GET', path = '/', headers = {}, body }: Ask): Promise<Told> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        createConnection: () => tunnel,
        method,
        path,
        headers: { host: 'web.shop', ...headers },
        timeout: DEADLINE_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode = 0, headers: told } = response;
          resolve({ status: statusCode, headers: told, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    sent.on('error', reject);
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.end(body);
  });
}
