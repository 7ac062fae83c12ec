import type { Readiness } from '@weft/runtime';
import type { RouteServer } from './admin-routes.js';

/** `/healthz/ready` in ztunnel's own form: 500 with what is pending, 405 for anything but GET. */
export function readinessRoutes(readiness: Readiness): (server: RouteServer) => void {
  return (server) => {
    server.route({
      method: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'],
      url: '/healthz/ready',
      handler: (request, reply) => {
        if (request.method !== 'GET') return reply.code(405).type('text/plain').send('GET only\n');
        const pending = readiness.pending();
        if (pending.length === 0) return reply.type('text/plain').send('ready\n');
        return reply
          .code(500)
          .type('text/plain')
          .send(`not ready, pending: ${pending.join(', ')}\n`);
      },
    });
  };
}
