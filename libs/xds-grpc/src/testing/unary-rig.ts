import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import type { UnaryHandler } from '../unary-exchange.js';
import { UnaryGrpcServer } from '../unary-grpc-server.js';

export const ECHO = '/test.Echo/Say';
export const echo: UnaryHandler = ({ message }) => Promise.resolve({ ok: true, value: message });

/** A server with one method, and a certificate for `localhost`. */
export class UnaryRig {
  readonly failures: string[] = [];

  private constructor(
    readonly authority: TestAuthority,
    readonly server: UnaryGrpcServer,
    readonly identity: TestIdentity,
  ) {}

  port = 0;

  static async start(say: UnaryHandler, options: { readonly beforeAnswers?: () => void } = {}): Promise<UnaryRig> {
    const authority = await TestAuthority.create();
    const identity = await authority.issue('spiffe://cluster.local/ns/a/sa/server', { dnsNames: ['localhost'] });
    const server = new UnaryGrpcServer({
      methods: { [ECHO]: say },
      largestRequestBytes: 100_000,
      requestClientCertificate: true,
      onHandlerFailure: (failure) => rig.failures.push(failure.message),
      ...options,
    });
    const rig = new UnaryRig(authority, server, identity);
    server.useCertificate(identity);
    rig.port = await server.listen('127.0.0.1', 0);
    return rig;
  }

  async stop(): Promise<void> {
    await this.server.stop(AbortSignal.abort());
  }
}
