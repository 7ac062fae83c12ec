import type { AdminServer, Readiness } from '@weft/runtime';
import type { PoolMembership } from '../pool-membership.js';

type Routes = Parameters<NonNullable<ConstructorParameters<typeof AdminServer>[0]['routes']>>[0];

/**
 * `/healthz/pool`: warm, or, once it is claimed, ready; the probe of a pod of the pool. `/claim`: whom it belongs to from now on; the
 * answer is 200 once it serves for them, and 202 until then.
 */
export function poolRoutes(server: Routes, pool: PoolMembership, readiness: Readiness): void {
  server.get('/healthz/pool', (_request, reply) => {
    const pending = pool.claimed === null ? [] : readiness.pending();
    if (pending.length === 0) return reply.send(pool.claimed === null ? 'warm\n' : 'ready\n');
    return reply.code(503).send(`not ready, pending: ${pending.join(', ')}\n`);
  });
  server.post('/claim', (request, reply) => {
    const claimed = pool.claim(request.body);
    if (!claimed.ok) return reply.code(409).send(`${claimed.error}\n`);
    const pending = readiness.pending();
    return pending.length === 0 ? reply.send('ready\n') : reply.code(202).send(`pending: ${pending.join(', ')}\n`);
  });
}
