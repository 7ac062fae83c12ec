import type { DataPlanePort } from '../pods/data-plane-port.js';
import type { LogScopes } from '../telemetry/log-scopes.js';
import { parseProfileRequest, Profiler, type ProfileRequest } from './profiler.js';

/** What fastify's server offers of interest here. */
export interface RouteServer {
  route(route: {
    method: string[];
    url: string;
    handler: (request: RouteRequest, reply: RouteReply) => unknown;
  }): unknown;
}
interface RouteRequest {
  readonly method: string;
  readonly query: unknown;
}
interface RouteReply {
  code(status: number): RouteReply;
  type(contentType: string): RouteReply;
  send(body: string): unknown;
}

export interface AdminRoutesOptions {
  readonly logs: LogScopes;
  readonly dump: () => unknown;
  readonly dataPlane: Pick<DataPlanePort, 'profile'>;
  /** Takes no new connections from now on; what it returns is shown. */
  readonly drain: () => unknown;
  /** Starts the graceful stop of the process. */
  readonly shutdown: () => void;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];
const LOGGING_USAGE =
  'usage: POST /logging\t\t\t(the current level)\n' +
  'usage: POST /logging?level=<level>\t(for everything)\n' +
  'usage: POST /logging?level=<scope>=<level>,...\n' +
  'usage: POST /logging?reset\t\t(as at the start)\n';
const INDEX = `<!DOCTYPE html><title>ztunnel</title><h1>ztunnel</h1><ul>
<li><a href="/config_dump">/config_dump</a>: what this proxy knows
<li>POST /logging: log levels
<li>POST /drain: take no new connections, let open ones end, and stay
<li>POST /quitquitquit: stop gracefully
<li><a href="/debug/pprof/profile?seconds=10">/debug/pprof/profile</a>, <a href="/debug/pprof/heap?seconds=10">/debug/pprof/heap</a>: profiles of the main thread, or with <code>&worker=0</code> of that one
</ul>
`;

export function adminRoutes({
  logs,
  dump,
  dataPlane,
  drain,
  shutdown,
}: AdminRoutesOptions): (server: RouteServer) => void {
  const only = (
    method: string,
    usage: string,
    handler: (query: Readonly<Record<string, unknown>>, reply: RouteReply) => unknown,
  ) => ({
    method: METHODS,
    handler: (request: RouteRequest, reply: RouteReply) =>
      request.method === method
        ? handler(request.query as Readonly<Record<string, unknown>>, reply)
        : reply.code(405).type('text/plain').send(usage),
  });
  return (server) => {
    server.route({ url: '/', ...only('GET', 'GET only\n', (_query, reply) => reply.type('text/html').send(INDEX)) });
    server.route({
      url: '/config_dump',
      ...only('GET', 'GET only\n', (_query, reply) =>
        reply.type('application/json').send(JSON.stringify(dump(), null, 2)),
      ),
    });
    const profiler = new Profiler(dataPlane);
    server.route({
      url: '/debug/pprof/profile',
      ...only('GET', 'GET only\n', (query, reply) =>
        sendProfile(profiler, query, reply, (request) => profiler.cpu(request)),
      ),
    });
    server.route({
      url: '/debug/pprof/heap',
      ...only('GET', 'GET only\n', (query, reply) =>
        sendProfile(profiler, query, reply, (request) => profiler.heap(request)),
      ),
    });
    server.route({
      url: '/logging',
      ...only('POST', LOGGING_USAGE, (query, reply) => changeLogging(logs, query, reply)),
    });
    server.route({
      url: '/drain',
      ...only('POST', 'POST only\n', (_query, reply) => reply.type('application/json').send(JSON.stringify(drain()))),
    });
    server.route({
      url: '/quitquitquit',
      ...only('POST', 'POST only\n', (_query, reply) => {
        shutdown();
        return reply.type('text/plain').send('shutdown now\n');
      }),
    });
  };
}

async function sendProfile(
  profiler: Profiler,
  query: Readonly<Record<string, unknown>>,
  reply: RouteReply,
  take: (request: ProfileRequest) => Promise<string | null>,
): Promise<unknown> {
  const request = parseProfileRequest(query);
  if (typeof request === 'string') return reply.code(400).type('text/plain').send(request);
  if (profiler.running) return reply.code(409).type('text/plain').send('a profile is being taken; try again later\n');
  const profile = await take(request);
  if (profile === null) return reply.code(404).type('text/plain').send(`there is no worker ${request.worker}\n`);
  return reply.type('application/json').send(profile);
}

function changeLogging(logs: LogScopes, query: Readonly<Record<string, unknown>>, reply: RouteReply): unknown {
  if ('reset' in query) logs.reset();
  if (typeof query['level'] === 'string') {
    const added = logs.add(query['level']);
    if (!added.ok) return reply.code(400).type('text/plain').send(`${added.error.problem}\n${LOGGING_USAGE}`);
  }
  return reply.type('text/plain').send(`current log level is ${logs.filter}\n`);
}
