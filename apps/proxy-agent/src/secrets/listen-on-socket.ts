import { rmSync } from 'node:fs';
import type { Server, ServerCredentials } from '@grpc/grpc-js';

/** Binds a gRPC server to a unix socket. What an earlier process left at that path is removed. */
export function listenOnSocket(server: Server, path: string, credentials: ServerCredentials): Promise<void> {
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, credentials, (failure) => (failure === null ? resolve() : reject(failure)));
  });
}
