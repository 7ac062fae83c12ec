import { AdminServer, type Readiness } from '@weft/runtime';
import type { Registry } from 'prom-client';
import type { CallerAuthenticator } from '../identity/caller-authenticator.js';
import { mayDebug } from './debug-access.js';
import type { DebugPage } from './debug-pages.js';

export interface DebugServerOptions {
  readonly host: string;
  readonly port: number;
  readonly rootNamespace: string;
  readonly readiness: Readiness;
  readonly registry: Registry;
  readonly authenticator: Pick<CallerAuthenticator, 'accountOf'>;
  readonly pages: readonly DebugPage[];
}

/** Health and metrics for everyone, the debug pages for who may read the whole mesh. */
export function debugServer(options: DebugServerOptions): AdminServer {
  const { host, port, rootNamespace, readiness, registry, authenticator, pages } = options;
  const accountOf = async (authorization: string | undefined): Promise<string | null> => {
    const account = await authenticator.accountOf(authorization);
    return account.ok ? account.value : null;
  };
  return new AdminServer({
    name: 'control plane',
    ...{ host, port, readiness, registry },
    routes: (server) => {
      server.get('/ready', (_request, reply) => reply.redirect('/readyz'));
      for (const { path, answer } of pages) {
        server.get(path, async (request, reply) => {
          const { authorization } = request.headers;
          if (!(await mayDebug({ peerAddress: request.ip, authorization }, rootNamespace, accountOf))) {
            return reply
              .code(401)
              .send({ error: 'ask from loopback, or with a service account token of the root namespace' });
          }
          return reply.send(answer(request.query as Record<string, string | undefined>));
        });
      }
    },
  });
}
